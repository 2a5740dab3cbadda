"""Snapshots from the drawn instant to the end of their hold."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracker.capture import picture
from tracker.capture.screen.port import Frame, Screen
from tracker.capture.stillness import Stillness
from tracker.domain.clock import Moment
from tracker.domain.errors import MachineError, RefusedError
from tracker.domain.exclusion import Withholding
from tracker.domain.segment import segment_start_ms
from tracker.sight import Sight
from tracker.store.pictures import Pictures
from tracker.store.snapshots import Snapshots, TakenSnapshot
from wire.contract import Blur, Contract
from wire.diary import Picture
from wire.words import SEGMENT_MS, SnapshotReason

_LATE_MS = 5_000  # an instant is taken up to a tick late
APPROVAL_S = 60  # at least, to approve a snapshot in: a policy's shorter hold would be a refusal in disguise

_BLANK = "The screen shows one single colour; no picture of it is kept."
_FROZEN = (
    "The last snapshots all show the very same picture, although there was input between them. They are kept. If your "
    "screen did change meanwhile, this desktop gives old pictures: restart Daybook, and see what daybook doctor says."
)

DrawInstants = Callable[[int, int], tuple[int, ...]]


def uniform(_segment_start_ms: int, count: int) -> tuple[int, ...]:
    """Draw so many instants uniformly over a segment's ten minutes, in milliseconds from its start."""
    return tuple(sorted(secrets.randbelow(SEGMENT_MS) for _ in range(count)))


class Snapshotter:
    """Takes the snapshots that are due and carries out what the person decides in the hold.

    Args:
        screen: what is grabbed.
        sight: holds what can be seen to the exclusion rules.
        snapshots: where snapshots and their instants are recorded.
        pictures: where the pictures' bytes go.
        draw: draws a segment's instants, once.
    """

    def __init__(
        self, screen: Screen, sight: Sight, snapshots: Snapshots, pictures: Pictures, draw: DrawInstants
    ) -> None:
        self._screen = screen
        self._sight = sight
        self._stillness = Stillness()
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

    def take(self, contract: Contract, drawn_ms: int, now: Moment, last_input_ms: int = 0) -> None:
        """Take the snapshot of an instant that has come, and hold it; a failed one is recorded with its reason.

        The windows are looked at before and after the grab: where an excluded one was there before, nothing is
        grabbed, and where one came meanwhile, what was grabbed is dropped before anything is encoded or written.

        Args:
            contract: what is tracked.
            drawn_ms: the instant, UTC.
            now: the moment.
            last_input_ms: monotonic, the newest input; 0 where none is known.
        """
        is_blurred = contract.policy.blur is Blur.IRREVERSIBLE
        asks_title = contract.policy.sends_window_titles and not is_blurred  # the title says what the blur hides
        before = self._sight.look(asks_title=asks_title)
        if before.is_excluded:
            self._exclude(contract, drawn_ms, now)
            return
        pictures: tuple[Picture, ...] = ()
        with self._kept_or_destroyed() as names:
            try:
                grabbed = self._screen.grab()
                after = self._sight.look(asks_title=asks_title)
                if after.is_excluded:
                    self._exclude(contract, drawn_ms, now)
                    return
                frames = [frame for frame in grabbed if not picture.is_blank(frame)]
                pictures = tuple(self._keep(frame, contract.policy.blur, names) for frame in frames)
                is_frozen = self._stillness.looks_frozen(frames, last_input_ms, now.mono_ms)
                self.trouble = _BLANK if not pictures else _FROZEN if is_frozen else None
                reason = None if pictures else SnapshotReason.BLANK
            except MachineError as error:
                reason, self.trouble = SnapshotReason.UNAVAILABLE, str(error)
                self._snapshots.discard(names)
                pictures, after = (), before
            needs_approval = bool(pictures) and not (before.is_certain and after.is_certain)
            self._snapshots.add(
                contract.id,
                _within(drawn_ms, now),
                drawn_ms=drawn_ms,
                pictures=pictures,
                reason=reason,
                leaves_ms=now.utc_ms + _hold_ms(contract, needs_approval=needs_approval) if pictures else None,
                is_blurred=is_blurred and bool(pictures),
                needs_approval=needs_approval,
                window=after.active if pictures else None,
                boot_id=now.boot_id if now.is_provisional else None,
            )

    def skip(self, contract: Contract, drawn_ms: int, reason: SnapshotReason, now: Moment) -> None:
        """Record that the snapshot of an instant that has come is not taken, and why."""
        self._snapshots.add(
            contract.id, drawn_ms, drawn_ms=drawn_ms, reason=reason, boot_id=now.boot_id if now.is_provisional else None
        )

    def _exclude(self, contract: Contract, drawn_ms: int, now: Moment) -> None:
        """Record that the rules withheld a snapshot; which rule and which window is written nowhere."""
        self._snapshots.add(
            contract.id,
            _within(drawn_ms, now),
            drawn_ms=drawn_ms,
            withholding=Withholding.RULE,
            boot_id=now.boot_id if now.is_provisional else None,
        )

    def approve(self, snapshot: int, now: Moment) -> None:
        """Let a held snapshot leave whose windows could not be held to the rules.

        Raises:
            RefusedError: it is not held any more, or needs no approval.
        """
        held = self._held(snapshot)
        if held.needs_approval and (held.leaves_ms or 0) <= now.utc_ms:
            raise RefusedError("This snapshot's hold has run out, so it is withheld.")
        if not held.needs_approval:
            raise RefusedError("This snapshot needs no approval; it leaves when its hold has run out.")
        self._snapshots.approve(snapshot)

    def withhold_unapproved(self, now: Moment) -> int:
        """Withhold what nobody approved in its hold; gives the number of such snapshots."""
        return self._snapshots.withhold_unapproved(now.utc_ms)

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
        for needs_approval in (False, True):
            leaves_ms = now.utc_ms + _hold_ms(contract, needs_approval=needs_approval)
            self._snapshots.restart_hold(contract.id, leaves_ms, needs_approval=needs_approval)

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


def _within(drawn_ms: int, now: Moment) -> int:
    """Give the snapshot's own time, but never one outside the segment that its instant was drawn for."""
    return min(now.utc_ms, segment_start_ms(drawn_ms) + SEGMENT_MS - 1)


def _hold_ms(contract: Contract, *, needs_approval: bool) -> int:
    hold_s = contract.policy.hold_s
    return (max(hold_s, APPROVAL_S) if needs_approval else hold_s) * 1000
