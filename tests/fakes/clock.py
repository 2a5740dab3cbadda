"""A machine's clocks that a test sets: time passes, the machine sleeps, somebody changes the clock, it reboots."""

from tracker.domain.clock import Reading

NOON_MS = 1_795_435_200_000  # Mon 2026-11-23 12:00:00 UTC


class FakeClock:
    """Gives readings of a machine whose system clock is wrong by as much as a test says.

    Args:
        true_ms: UTC at first, by the marketplace's clock.
        error_ms: the system clock minus the truth.
    """

    def __init__(self, true_ms: int = NOON_MS, error_ms: int = 0) -> None:
        self.true_ms = true_ms
        self.error_ms = error_ms
        self._boots = 1
        self._boot_ms = 5_000_000
        self._mono_ms = 3_000_000

    def read(self) -> Reading:
        return Reading(
            boot_id=f"boot-{self._boots}",
            boot_ms=self._boot_ms,
            mono_ms=self._mono_ms,
            system_utc_ms=self.true_ms + self.error_ms,
        )

    def mono_ms(self) -> int:
        """Read the monotonic clock alone."""
        return self._mono_ms

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self.true_ms += ms
        self._boot_ms += ms
        self._mono_ms += ms

    def suspend(self, ms: int) -> None:
        """Let the machine sleep: boot time runs on, monotonic time stands."""
        self.true_ms += ms
        self._boot_ms += ms

    def step(self, ms: int) -> None:
        """Change the system clock."""
        self.error_ms += ms

    def reboot(self, off_ms: int) -> None:
        """Switch the machine off for so long, and on again."""
        self.true_ms += off_ms
        self._boots += 1
        self._boot_ms = self._mono_ms = 1_000
