"""Snapshots from the drawn instant to the end of their hold."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracker.capture import picture
from tracker.capture.screen.port import Frame, Screen
from tracker.domain.clock import Moment
from tracker.domain.errors import MachineError, RefusedError
from tracker.domain.segment import segment_start_ms
from tracker.store.pictures import Pictures
from tracker.store.snapshots import Snapshots, TakenSnapshot
from wire.contract import Blur, Contract
from wire.diary import Picture
from wire.words import SEGMENT_MS, SnapshotReason

_LATE_MS = 5_000  # an instant is taken up to a tick late

DrawInstants = Callable[[int, int], tuple[int, ...]]


def uniform(_segment_start_ms: int, count: int) -> tuple[int, ...]:
    """Draw so many instants uniformly over a segment's ten minutes, in milliseconds from its start."""
    return tuple(sorted(secrets.randbelow(SEGMENT_MS) for _ in range(count)))


class Snapshotter:
    """Takes the snapshots that are due and carries out what the person decides in the hold.

    Args:
        screen: what is grabbed.
        snapshots: where snapshots and their instants are recorded.
        pictures: where the pictures' bytes go.
        draw: draws a segment's instants, once.
    """

    def __init__(self, screen: Screen, snapshots: Snapshots, pictures: Pictures, draw: DrawInstants) -> None:
        self._screen = screen
        self._snapshots = snapshots
        self._pictures = pictures
        self._draw = draw
        self.trouble: str | None = None

    def due_ms(self, contract: Contract, since_ms: int, now: Moment) -> int | None:
        """Give the running segment's next instant (UTC) to take a snapshot at; one just passed is still due.

        Args:
            contract: what is tracked.
            since_ms: since when, without a break.
            now: the moment.
        """
        segment_ms = segment_start_ms(now.utc_ms)
        count = contract.policy.snapshots_per_segment
        if count and not self._snapshots.is_drawn(contract.id, segment_ms):
            self._snapshots.draw(contract.id, segment_ms, self._draw(segment_ms, count))
        # An instant in a segment's last moment may be looked at in the next one.
        since_ms = max(since_ms, min(segment_ms, now.utc_ms - _LATE_MS))
        open_ms = [
            start_ms + offset_ms
            for start_ms in (segment_ms - SEGMENT_MS, segment_ms)
            for offset_ms in self._snapshots.instants(contract.id, start_ms, is_taken=False)
        ]
        return min((instant_ms for instant_ms in open_ms if instant_ms >= since_ms), default=None)

    def take(self, contract: Contract, drawn_ms: int, now: Moment) -> None:
        """Take the snapshot of an instant that has come, and hold it; a failed one is recorded with its reason."""
        pictures: tuple[Picture, ...] = ()
        with self._kept_or_destroyed() as names:
            try:
                frames = [frame for frame in self._screen.grab() if not picture.is_blank(frame)]
                pictures = tuple(self._keep(frame, contract.policy.blur, names) for frame in frames)
                self.trouble = None if pictures else "The screen shows one single colour; no picture of it is kept."
                reason = None if pictures else SnapshotReason.BLANK
            except MachineError as error:
                reason, self.trouble = SnapshotReason.UNAVAILABLE, str(error)
                self._snapshots.discard(names)
            self._snapshots.add(
                contract.id,
                min(now.utc_ms, segment_start_ms(drawn_ms) + SEGMENT_MS - 1),
                drawn_ms=drawn_ms,
                pictures=pictures,
                reason=reason,
                leaves_ms=now.utc_ms + contract.policy.hold_s * 1000 if pictures else None,
                is_blurred=bool(pictures) and contract.policy.blur is Blur.IRREVERSIBLE,
                boot_id=now.boot_id if now.is_provisional else None,
            )

    def skip(self, contract: Contract, drawn_ms: int, reason: SnapshotReason, now: Moment) -> None:
        """Record that the snapshot of an instant that has come is not taken, and why."""
        self._snapshots.add(
            contract.id, drawn_ms, drawn_ms=drawn_ms, reason=reason, boot_id=now.boot_id if now.is_provisional else None
        )

    def blur(self, snapshot: int) -> None:
        """Put irreversibly blurred pictures in place of a held snapshot's.

        Raises:
            RefusedError: it is not held any more.
        """
        held = self._held(snapshot)
        with self._kept_or_destroyed() as names:
            blurred = tuple(
                self._put(one.monitor, picture.blur_encoded(self._pictures.get(one.sha256)), names)
                for one in held.pictures
            )
            self._snapshots.blur(snapshot, blurred)

    def withhold(self, snapshot: int) -> None:
        """Destroy a held snapshot's pictures; the time stays.

        Raises:
            RefusedError: it is not held any more.
        """
        self._held(snapshot)
        self._snapshots.withhold(snapshot)

    def view(self, snapshot: int) -> tuple[bytes, ...]:
        """Give a snapshot's full pictures.

        Raises:
            RefusedError: it is sealed or gone.
        """
        found = self._snapshots.get(snapshot)
        if found is None or not found.pictures:
            raise RefusedError("This snapshot's pictures are not held here any more. See it in the work diary.")
        return tuple(self._pictures.get(one.sha256) for one in found.pictures)

    def restart_hold(self, contract: Contract, now: Moment) -> None:
        """Start a contract's holds that quitting cut short again."""
        self._snapshots.restart_hold(contract.id, now.utc_ms + contract.policy.hold_s * 1000)

    def _held(self, snapshot: int) -> TakenSnapshot:
        found = self._snapshots.get(snapshot)
        if found is None or found.leaves_ms is None:
            raise RefusedError("This snapshot is not held any more, so it cannot be changed here.")
        return found

    @contextmanager
    def _kept_or_destroyed(self) -> Iterator[list[str]]:
        """Collect the names of pictures kept; where their snapshot is not recorded, no file of it stays."""
        names: list[str] = []
        try:
            yield names
        except BaseException:
            self._snapshots.discard(names)
            raise

    def _keep(self, frame: Frame, blur: Blur, names: list[str]) -> Picture:
        return self._put(frame.monitor, picture.encode(frame, blurred=blur is Blur.IRREVERSIBLE), names)

    def _put(self, monitor: int, encoded: picture.EncodedPicture, names: list[str]) -> Picture:
        for content in (encoded.image, encoded.thumbnail):
            names.append(self._pictures.put(content))  # noqa: PERF401 (the names so far, if one cannot be put)
        return Picture(
            monitor=monitor,
            width=encoded.width,
            height=encoded.height,
            sha256=names[-2],
            size=len(encoded.image),
            thumbnail_sha256=names[-1],
            thumbnail_size=len(encoded.thumbnail),
        )
