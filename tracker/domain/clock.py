"""From clock readings to moments of marketplace time (PRODUCT.md, "Time"); nothing here reads a clock."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Reading:
    """What the machine's clocks say at one instant, in milliseconds.

    `boot_ms` runs on while the machine is suspended, `mono_ms` stands still; `system_utc_ms` is whatever the person or
    the network set. `boot_id` names the boot that the first two count from.
    """

    boot_id: str
    boot_ms: int
    mono_ms: int
    system_utc_ms: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """UTC at one instant of one boot: the marketplace's, or (provisional) the system clock's."""

    boot_id: str
    boot_ms: int
    utc_ms: int
    is_provisional: bool

    def utc_ms_at(self, reading: Reading) -> int:
        """Give the UTC milliseconds of a reading of the same boot."""
        return self.utc_ms + reading.boot_ms - self.boot_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant as the domain sees it.

    Durations come from `mono_ms`; `utc_ms` is the timestamp, `boot_ms` tells suspension and counts from the boot
    `boot_id`. `clock_offset_ms` is marketplace time minus the system clock.
    """

    utc_ms: int
    boot_ms: int
    mono_ms: int
    clock_offset_ms: int
    is_provisional: bool
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class Timebase:
    """The anchor in force and, if there is one, the newer one that waits for a long enough break."""

    current: Anchor
    learnt: Anchor | None = None

    @classmethod
    def at_boot(cls, reading: Reading, last: "Timebase | None") -> "Timebase":
        """Go on with the last run's timebase if this boot made it, else provisionally with the system clock.

        A provisional one goes on too, and a learnt anchor goes on waiting: what the last run recorded stands on it.
        """
        if last is not None and last.current.boot_id == reading.boot_id:
            return last
        return cls(Anchor(reading.boot_id, reading.boot_ms, reading.system_utc_ms, is_provisional=True))

    def moment(self, reading: Reading) -> Moment:
        """Place a reading in marketplace time."""
        utc_ms = self.current.utc_ms_at(reading)
        return Moment(
            utc_ms=utc_ms,
            boot_ms=reading.boot_ms,
            mono_ms=reading.mono_ms,
            clock_offset_ms=utc_ms - reading.system_utc_ms,
            is_provisional=self.current.is_provisional,
            boot_id=reading.boot_id,
        )

    def learn(self, reading: Reading, marketplace_utc_ms: int) -> tuple["Timebase", int]:
        """Take in the marketplace's time at a contact.

        Returns the new timebase and the milliseconds by which everything recorded provisionally is to be shifted (0
        where time was not provisional: then the anchor waits for a break, so running work gets no gap or overlap).
        """
        anchor = Anchor(reading.boot_id, reading.boot_ms, marketplace_utc_ms, is_provisional=False)
        if self.current.is_provisional:
            return Timebase(anchor), marketplace_utc_ms - self.current.utc_ms_at(reading)
        return replace(self, learnt=anchor), 0

    def ahead(self, by_ms: int) -> "Timebase":
        """Run so much ahead of the marketplace until a break lets its time in: earlier work was ahead, too."""
        if not by_ms:
            return self
        return Timebase(replace(self.current, utc_ms=self.current.utc_ms + by_ms), learnt=self.current)

    def at_start(self, reading: Reading, last_end_ms: int | None) -> "Timebase":
        """Adopt the learnt anchor if the break since `last_end_ms` (UTC) is at least as long as its correction."""
        if self.learnt is None:
            return self
        now_ms = self.current.utc_ms_at(reading)
        correction_ms = self.learnt.utc_ms_at(reading) - now_ms
        if last_end_ms is not None and now_ms - last_end_ms < abs(correction_ms):
            return self
        return Timebase(self.learnt)
