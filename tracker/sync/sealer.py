"""From journal rows to sealed revisions: folds a segment's content, and seals it into the device's chain."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

from tracker.domain.clock import Moment
from tracker.domain.sealing import may_seal
from tracker.domain.session import State
from tracker.store.database import Database
from tracker.store.journal import Journal, Measured, Recorded
from tracker.store.marks import Marks
from tracker.store.outbox import Outbox, Sealing
from tracker.store.snapshots import Snapshots, TakenSnapshot
from wire import canonical, chain
from wire.diary import MOST_COUNTED, Activity, Interval, InvalidSegmentError, Minute, Segment, Snapshot, check
from wire.marks import cut, less
from wire.words import MINUTE_MS, SEGMENT_MS, ActivitySource, Kind, RevisionReason, SnapshotReason, SnapshotStatus

_MINUTE_S = MINUTE_MS // 1000
# What measured a part of a segment without counts speaks for the whole: a minute's missing keys then prove nothing.
_WEAKEST_FIRST = (ActivitySource.ACTIVE_SECONDS, ActivitySource.COUNTS)
_ROWS_AT_ONCE = 500  # of the journal: under a second's work, so that a year's sealing holds no command back


class Sealer:
    """Seals what nothing can change any more, each segment in one transaction."""

    def __init__(self, database: Database, journal: Journal, snapshots: Snapshots, outbox: Outbox) -> None:
        self._database = database
        self._journal = journal
        self._snapshots = snapshots
        self._outbox = outbox
        self._marks = Marks(database)
        self.trouble: str | None = None

    def seal(
        self,
        device: UUID,
        state: State,
        now: Moment,
        is_edited: Callable[[UUID, int], bool] = lambda _contract, _start_ms: False,
    ) -> int:
        """Seal the oldest segments that may be sealed and give their number; ask again until it is 0.

        `is_edited` tells of a contract's segment by its start whether an edit of it can still be taken back. One that
        breaks the diary's rules stays in the journal and is told in `trouble`; it holds no other back. On a chain whose
        head is not known nothing is sealed: it would fork.
        """
        self.trouble = None
        if now.is_provisional or self._outbox.is_head_unknown():
            return 0
        sealed = 0
        for one in self._journal.certain_segments(_ROWS_AT_ONCE):
            start_ms = one.unsealed.start_ms
            if may_seal(one.unsealed, state, now) and not is_edited(one.contract, start_ms):
                sealed += self._seal_one(device, one.contract, start_ms, now)
        return sealed

    def draft(self, device: UUID, contract: UUID, start_ms: int) -> Segment | None:
        """Fold what the journal holds of a segment onto its standing revision, as the next one; None if nothing is.

        It keeps out of what marks name: no revision undoes a mark.
        """
        segment = self._folded(device, contract, start_ms)
        return None if segment is None else less(segment, self._marks.of(contract, start_ms))

    def _folded(self, device: UUID, contract: UUID, start_ms: int) -> Segment | None:
        recorded = self._journal.recorded(contract, start_ms)
        if recorded is None:
            return None
        standing = self._outbox.standing(contract, start_ms)
        earlier = None
        if standing is not None and standing.content is not None:
            earlier = canonical.decode(standing.content, Segment)
        intervals = _intervals(start_ms, recorded, earlier)
        return Segment(
            contract=contract,
            device=device,
            start_s=start_ms // 1000,
            revision=self._outbox.last_revision(contract, start_ms) + 1,
            reason=RevisionReason.RECORDED if earlier is None else RevisionReason.CONTINUED,
            policy_version=recorded.policy_version if earlier is None else earlier.policy_version,
            clock_offset_ms=recorded.clock_offset_ms,
            intervals=intervals,
            activity=_activity(start_ms, recorded.activity, earlier),
            snapshots=_snapshots(
                self._snapshots.of_segment(contract, start_ms),
                self._snapshots.instants(contract, start_ms, is_taken=False),
                intervals,
                earlier,
            ),
        )

    def _seal_one(self, device: UUID, contract: UUID, start_ms: int, now: Moment) -> bool:
        with self._database.transaction():
            self._snapshots.lose_missing(contract, start_ms)
            self._snapshots.withhold_unapproved(now.utc_ms)  # whatever else came before it: nothing unapproved leaves
            segment = self.draft(device, contract, start_ms)
            if segment is None:
                return False
            if not segment.intervals:  # marks took all of it away
                self._forget(contract, start_ms, ())
                return False
            try:
                check(segment)
            except InvalidSegmentError as error:
                at = datetime.fromtimestamp(start_ms / 1000, UTC)
                self.trouble = (
                    f"The segment of {at:%Y-%m-%d %H:%M} UTC cannot be sent: {error} It is kept on this computer; "
                    "please tell the makers."
                )
                return False
            sealing = sealing_of(segment, now.utc_ms)
            self._outbox.append(device, sealing)
            self._forget(contract, start_ms, sealing.pictures)
        return True

    def _forget(self, contract: UUID, start_ms: int, sealed: Iterable[str]) -> None:
        """Remove a segment's rows; pictures that were not sealed, since a mark names them, are destroyed."""
        taken = [picture for one in self._snapshots.of_segment(contract, start_ms) for picture in one.pictures]
        self._journal.forget(contract, start_ms)
        self._snapshots.forget(contract, start_ms)
        names = {name for picture in taken for name in (picture.sha256, picture.thumbnail_sha256)}
        self._snapshots.discard(sorted(names.difference(sealed)))


def sealing_of(segment: Segment, sealed_ms: int, *, is_joined: bool = False) -> Sealing:
    """Give what a segment's content adds to the chain, under a new salt."""
    start_ms = segment.start_s * 1000
    names = [name for picture in segment.pictures() for name in (picture.sha256, picture.thumbnail_sha256)]
    return Sealing(
        contract=segment.contract,
        start_ms=start_ms,
        revision=segment.revision,
        worked_ms=segment.worked_ms,
        end_ms=start_ms + max((interval.end_ms for interval in segment.intervals), default=0),
        salt=chain.new_salt(),
        content=canonical.encode(segment),
        sealed_ms=sealed_ms,
        pictures=tuple(dict.fromkeys(names)),
        is_joined=is_joined,
    )


def snapshot_of(taken: TakenSnapshot) -> Snapshot:
    """Give a snapshot as its segment's content tells it."""
    return Snapshot(
        at_ms=taken.at_ms % SEGMENT_MS,
        status=SnapshotStatus.SENT if taken.status is SnapshotStatus.HELD else taken.status,
        reason=taken.reason,
        pictures=taken.pictures,
        window=taken.window if taken.status is SnapshotStatus.HELD else None,
    )


def _intervals(start_ms: int, recorded: Recorded, earlier: Segment | None) -> tuple[Interval, ...]:
    new = tuple(
        Interval(
            start_ms=interval.start_ms - start_ms,
            end_ms=interval.end_ms - start_ms,
            kind=interval.kind,
            memo=interval.memo,
            label=interval.label,
        )
        for interval in recorded.intervals
    )
    old = () if earlier is None else earlier.intervals
    free = [part for interval in new for part in cut(interval, old)]  # corrected time yields to what is sealed
    return tuple(sorted((*old, *free), key=lambda interval: interval.start_ms))


def _activity(start_ms: int, measured: tuple[Measured, ...], earlier: Segment | None) -> Activity:
    counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    active_ms: defaultdict[int, int] = defaultdict(int)
    for one in measured:
        minute = (one.at_ms - start_ms) // MINUTE_MS
        _add(counts[minute], one.keys, one.clicks, one.scrolls, int(one.moved))
        active_ms[minute] += one.active_ms
    sources = {one.source for one in measured}
    if earlier is not None:
        sources.add(earlier.activity.source)
        for sealed in earlier.activity.minutes:
            _add(counts[sealed.minute], sealed.keys, sealed.clicks, sealed.scrolls, int(sealed.moved))
            active_ms[sealed.minute] += sealed.active_s * 1000
    minutes = (
        Minute(
            minute=minute,
            keys=keys,
            clicks=clicks,
            scrolls=scrolls,
            moved=moved > 0,
            active_s=min(-(-active_ms[minute] // 1000), _MINUTE_S),  # a second begun with input is active
        )
        for minute, (keys, clicks, scrolls, moved) in sorted(counts.items())
    )
    source = next((source for source in _WEAKEST_FIRST if source in sources), ActivitySource.NONE)
    return Activity(source=source, minutes=tuple(one for one in minutes if one.is_active))


def _add(total: list[int], *counts: int) -> None:
    for index, count in enumerate(counts):
        total[index] = min(total[index] + count, MOST_COUNTED)


def _snapshots(
    taken: list[TakenSnapshot],
    missed: tuple[int, ...],
    intervals: tuple[Interval, ...],
    earlier: Segment | None,
) -> tuple[Snapshot, ...]:
    """Give the snapshots taken, and for each drawn instant without one why: mostly it fell outside tracked time.

    That is an agreed reason; an instant inside tracked time that nobody took is none, or protection could be had by
    keeping the tracker from its work.
    """
    outside, unavailable = SnapshotReason.OUTSIDE_TRACKED_TIME, SnapshotReason.UNAVAILABLE
    snapshots = [
        one
        for one in (() if earlier is None else earlier.snapshots)
        if one.reason is not outside and not (one.reason is unavailable and one.at_ms in missed)
    ]
    snapshots += [snapshot_of(one) for one in taken]
    tracked = [range(one.start_ms, one.end_ms) for one in intervals if one.kind is Kind.TRACKED]
    snapshots += [
        Snapshot(
            at_ms=at_ms,
            status=SnapshotStatus.FAILED,
            reason=unavailable if any(at_ms in span for span in tracked) else outside,
            pictures=(),
        )
        for at_ms in missed
    ]
    return tuple(sorted(snapshots, key=lambda one: one.at_ms))
