"""How times, states and counts are written on diary pages."""

import datetime as dt

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wire.diary import Snapshot
from wire.marks import Mark, MarkKind, taken_ms
from wire.words import ActivitySource, Kind, RevisionReason, SnapshotReason, SnapshotStatus

register = template.Library()
_S_MS = 1000


@register.filter
def hms(duration_ms: int) -> str:
    """Write a duration exactly to the second as h:mm:ss; part seconds are cut, never rounded up."""
    minutes, seconds = divmod(duration_ms // _S_MS, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


@register.filter
def ms(duration_ms: int) -> str:
    """Write a short duration as m:ss."""
    minutes, seconds = divmod(duration_ms // _S_MS, 60)
    return f"{minutes}:{seconds:02d}"


@register.filter
def min_s(duration_ms: int) -> str:
    """Write a short duration in words: 9 min 48 s."""
    minutes, seconds = divmod(duration_ms // _S_MS, 60)
    return _("%(minutes)d min %(seconds)02d s") % {"minutes": minutes, "seconds": seconds}


@register.filter
def hours_limit(minutes: int) -> str:
    """Write a weekly limit: 30 h, or 7 h 30 min."""
    hours, rest = divmod(minutes, 60)
    if rest:
        return _("%(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": rest}
    return _("%(hours)d h") % {"hours": hours}


@register.filter
def utc_hm(moment_s: int) -> str:
    """Write a moment's time of day in UTC as 09:20."""
    return f"{_moment(moment_s):%H:%M}"


@register.filter
def utc_hms(moment_ms: int) -> str:
    """Write a moment's time of day in UTC as 09:26:41."""
    return f"{_moment(moment_ms // _S_MS):%H:%M:%S}"


@register.filter
def utc_full(moment_ms: int) -> str:
    """Write a moment in UTC with its date."""
    return f"{_moment(moment_ms // _S_MS):%Y-%m-%d %H:%M:%S}"


@register.filter
def minute_of(start_s: int, minute: int) -> str:
    """Write the time of day in UTC at which a minute of a segment starts."""
    return utc_hm(start_s + minute * 60)


@register.filter
def plus(number: int, more: int) -> int:
    """Add."""
    return number + more


@register.filter
def after_start(offset_ms: int, start_s: int) -> int:
    """Give the moment (ms since the epoch) that lies so far into a segment."""
    return start_s * _S_MS + offset_ms


@register.filter
def ten(count: int | None) -> list[bool]:
    """Give the ten marks of a meter: lit or not."""
    return [mark < (count or 0) for mark in range(10)]


@register.filter
def kind_words(kind: Kind) -> str:
    """Name a kind of interval, with the sign that tells it without colour."""
    match kind:
        case Kind.TRACKED:
            return _("Tracked")
        case Kind.DECLARED:
            return _("▤ Declared")
        case Kind.MANUAL:
            return _("✎ Manual")


@register.filter
def why_no_picture(snapshot: Snapshot) -> str:
    """Say in words why a snapshot has no picture."""
    if snapshot.status is SnapshotStatus.WITHHELD:
        return _("Withheld by the freelancer. The time is kept, unprotected.")
    return "" if snapshot.reason is None else _reason_words(snapshot.reason)


@register.filter
def mark_words(mark: Mark) -> str:
    """Say what a mark did."""
    match mark.kind:
        case MarkKind.WITHHELD:
            return _("Picture withheld")
        case MarkKind.DELETED:
            return _("%(time)s deleted") % {"time": min_s(taken_ms([mark]))}
        case MarkKind.TRIMMED:
            return _("%(time)s trimmed") % {"time": min_s(taken_ms([mark]))}


def _reason_words(reason: SnapshotReason) -> str:
    match reason:
        case SnapshotReason.OUTSIDE_TRACKED_TIME:
            return _("The random instant fell outside tracked time.")
        case SnapshotReason.SCREEN_LOCKED:
            return _("The screen was locked.")
        case SnapshotReason.BLANK:
            return _("The screen gave a blank picture, which is never sent.")
        case SnapshotReason.UNAVAILABLE:
            return _("The screen could not be read.")
        case SnapshotReason.LOST:
            return _("The picture was lost before it could be sent.")


@register.filter
def revision_words(reason: RevisionReason) -> str:  # noqa: PLR0911 (a line a word)
    """Say why a revision was made."""
    match reason:
        case RevisionReason.RECORDED:
            return _("as recorded")
        case RevisionReason.CONTINUED:
            return _("continued in the same ten minutes")
        case RevisionReason.DESCRIBED:
            return _("described anew")
        case RevisionReason.CUT:
            return _("cut: time was taken away")
        case RevisionReason.DELETED:
            return _("deleted")
        case RevisionReason.MOVED:
            return _("time was moved")
        case RevisionReason.ADDED:
            return _("time was added by hand")
        case RevisionReason.WITHHELD:
            return _("a picture was withheld")


@register.filter
def source_words(source: ActivitySource) -> str:
    """Say what the device could measure."""
    match source:
        case ActivitySource.COUNTS:
            return _("Counts per minute only; never what was typed or where the pointer went.")
        case ActivitySource.ACTIVE_SECONDS:
            return _("Counts were not available on this desktop; active seconds only, never what was typed.")
        case ActivitySource.NONE:
            return _("Activity could not be measured on this desktop.")


@register.filter
def monitors(count: int) -> str:
    """Write a number of monitors."""
    return ngettext("%(count)d monitor", "%(count)d monitors", count) % {"count": count}


@register.filter
def is_in(sha256: str, stored: frozenset[str]) -> bool:
    """Tell whether a picture's bytes are here."""
    return sha256 in stored


def _moment(moment_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(moment_s, dt.UTC)
