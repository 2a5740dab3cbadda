"""A work diary's day, laid out for a page: hour rows of six segments. Pure; reads no clock and no database."""

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from wire import diary
from wire.marks import Mark, MarkKind
from wire.words import SEGMENT_S, Kind, SnapshotStatus

DAY_S = 86_400
_HOUR_S = 3600
_PER_HOUR = _HOUR_S // SEGMENT_S


class Face(enum.StrEnum):
    """What a segment's tile shows in the place of its snapshot."""

    PICTURE = "picture"
    ON_ITS_WAY = "on_its_way"
    DELETED = "deleted"
    WITHHELD = "withheld"
    FAILED = "failed"
    MANUAL = "manual"
    DECLARED = "declared"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment as it counts, with its marks and the hashes of its pictures that are in the store."""

    segment: diary.Segment
    device_name: str
    received_ms: int
    stored: frozenset[str]
    marks: tuple[Mark, ...] = ()

    @property
    def deletion(self) -> Mark | None:
        """The newest mark that deleted the segment, where no time of it is left."""
        deletions = [mark for mark in self.marks if mark.kind is MarkKind.DELETED]
        return deletions[-1] if deletions and not self.segment.worked_ms else None

    @property
    def keys(self) -> int:
        """Key presses."""
        return sum(minute.keys for minute in self.segment.activity.minutes)

    @property
    def clicks(self) -> int:
        """Clicks."""
        return sum(minute.clicks for minute in self.segment.activity.minutes)

    @property
    def scrolls(self) -> int:
        """Scrolls."""
        return sum(minute.scrolls for minute in self.segment.activity.minutes)

    @property
    def has_counts(self) -> bool:
        """Whether key presses, clicks or scrolls were counted."""
        return bool(self.keys or self.clicks or self.scrolls)

    @property
    def kinds(self) -> frozenset[Kind]:
        """How the segment's time came to be."""
        return frozenset(interval.kind for interval in self.segment.intervals)

    @property
    def memo(self) -> str:
        """What most of the segment's time was spent on."""
        spent: dict[str, int] = {}
        for interval in self.segment.intervals:
            spent[interval.memo] = spent.get(interval.memo, 0) + interval.end_ms - interval.start_ms
        return max(spent, key=lambda memo: spent[memo], default="")

    @property
    def shown_snapshot(self) -> diary.Snapshot | None:
        """The snapshot that the tile shows: the first with a picture, else the first that says why it has none."""
        with_picture = [one for one in self.segment.snapshots if one.pictures]
        return next(iter([*with_picture, *self.segment.snapshots]), None)

    @property
    def thumbnail(self) -> str | None:
        """The hash of the thumbnail to show, if its bytes are here."""
        shown = self.shown_snapshot
        if shown is None or not shown.pictures or shown.pictures[0].thumbnail_sha256 not in self.stored:
            return None
        return shown.pictures[0].thumbnail_sha256

    @property
    def face(self) -> Face:  # noqa: PLR0911 (a line a face)
        """What the tile shows in the place of its snapshot."""
        if self.deletion is not None:
            return Face.DELETED
        if self.thumbnail is not None:
            return Face.PICTURE
        shown = self.shown_snapshot
        if shown is not None and shown.pictures:
            return Face.ON_ITS_WAY
        if shown is not None and shown.status is SnapshotStatus.WITHHELD:
            return Face.WITHHELD
        if self.kinds == {Kind.MANUAL}:
            return Face.MANUAL
        if shown is not None:
            return Face.FAILED
        return Face.DECLARED if Kind.DECLARED in self.kinds else Face.NONE


@dataclass(frozen=True, slots=True)
class MemoGroup:
    """Neighbouring segments of an hour with one memo; `column` counts from 1."""

    column: int
    span: int
    memo: str


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour's row: six columns, each with the segments of every device that recorded in it."""

    start_s: int
    columns: tuple[tuple[Entry, ...], ...]
    memos: tuple[MemoGroup, ...]
    is_after_a_gap: bool

    @property
    def worked_ms(self) -> int:
        """Worked time of the hour."""
        return sum(entry.segment.worked_ms for column in self.columns for entry in column)


@dataclass(frozen=True, slots=True)
class Day:
    """A work diary's day and its sums."""

    date: dt.date
    entries: tuple[Entry, ...]
    hours: tuple[Hour, ...]

    @property
    def segments(self) -> int:
        """Segments of which something is left."""
        return sum(entry.deletion is None for entry in self.entries)

    @property
    def deleted(self) -> int:
        """Segments that were deleted, which the page tells."""
        return len(self.entries) - self.segments

    @property
    def worked_ms(self) -> int:
        """Worked time."""
        return sum(entry.segment.worked_ms for entry in self.entries)

    @property
    def keys(self) -> int:
        """Key presses."""
        return sum(entry.keys for entry in self.entries)

    @property
    def clicks(self) -> int:
        """Clicks."""
        return sum(entry.clicks for entry in self.entries)

    @property
    def scrolls(self) -> int:
        """Scrolls."""
        return sum(entry.scrolls for entry in self.entries)

    @property
    def activity_tenths(self) -> int | None:
        """The day's activity meter: over all of its tracked minutes, or None where there are none."""
        counted = [one for entry in self.entries if (one := entry.segment.activity_minutes) is not None]
        if not counted:
            return None
        return diary.tenths(sum(active for active, _ in counted), sum(tracked for _, tracked in counted))

    def snapshots(self, *statuses: SnapshotStatus) -> int:
        """Count the snapshots of these statuses."""
        return sum(one.status in statuses for entry in self.entries for one in entry.segment.snapshots)

    @property
    def snapshots_sent(self) -> int:
        """Snapshots with pictures."""
        return self.snapshots(SnapshotStatus.SENT, SnapshotStatus.BLURRED)

    @property
    def snapshots_withheld(self) -> int:
        """Snapshots whose pictures the freelancer withheld."""
        return self.snapshots(SnapshotStatus.WITHHELD)

    @property
    def snapshots_failed(self) -> int:
        """Snapshots that have no picture for another reason."""
        return self.snapshots(SnapshotStatus.FAILED)


def read_content(content: bytes) -> diary.Segment:
    """Read a content that was accepted."""
    return msgspec.json.decode(content, type=diary.Segment)


def bounds_s(date: dt.date) -> tuple[int, int]:
    """Give a UTC day's half-open bounds in seconds since the epoch."""
    start_s = (date - dt.date(1970, 1, 1)).days * DAY_S
    return start_s, start_s + DAY_S


def lay_out(date: dt.date, entries: Iterable[Entry]) -> Day:
    """Lay a UTC day's segments out in hour rows; hours without a segment are left out.

    Segments without any worked time, which a later revision emptied, are not shown; those that a mark emptied are, so
    that the deletion is told.
    """
    shown = tuple(
        sorted(
            (entry for entry in entries if entry.segment.worked_ms or entry.segment.snapshots or entry.deletion),
            key=lambda entry: (entry.segment.start_s, entry.segment.device),
        )
    )
    hours: list[Hour] = []
    for start_s in sorted({entry.segment.start_s // _HOUR_S * _HOUR_S for entry in shown}):
        columns = tuple(
            tuple(entry for entry in shown if entry.segment.start_s == start_s + column * SEGMENT_S)
            for column in range(_PER_HOUR)
        )
        is_after_a_gap = bool(hours) and hours[-1].start_s + _HOUR_S != start_s
        hours.append(Hour(start_s, columns, _memo_groups(columns), is_after_a_gap))
    return Day(date, shown, tuple(hours))


def _memo_groups(columns: Sequence[Sequence[Entry]]) -> tuple[MemoGroup, ...]:
    groups: list[MemoGroup] = []
    for number, column in enumerate(columns, start=1):
        if not column or column[0].deletion is not None:  # its memo went with it
            continue
        memo = column[0].memo
        last = groups[-1] if groups else None
        if last is not None and last.memo == memo and last.column + last.span == number:
            groups[-1] = MemoGroup(last.column, last.span + 1, memo)
        else:
            groups.append(MemoGroup(number, 1, memo))
    return tuple(groups)


def thumbnails_and_pictures(segments: Iterable[diary.Segment]) -> set[str]:
    """Give the hash of every picture and thumbnail that these segments name."""
    return {
        sha256
        for segment in segments
        for picture in segment.pictures()
        for sha256 in (picture.sha256, picture.thumbnail_sha256)
    }
