"""Every zone of the tz database at each of its changes from 2024 to 2030: showing local time never changes a total."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import pytest

from tracker.domain.segment import Interval, segment_start_ms, split
from wire.week import WEEK_MS, week_start_ms
from wire.words import SEGMENT_MS, Kind

_FROM, _TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
_HOUR_MS = 3_600_000
_NEAR_MS = 3 * _HOUR_MS


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones() - {"localtime", "Factory"}))


def _offset(zone: ZoneInfo, ms: int) -> timedelta | None:
    return _moment(ms).astimezone(zone).utcoffset()


def _changes(zone: ZoneInfo) -> Iterator[int]:
    """Give the instants at which a zone's offset changes; found by halving each half-week in which it differs."""
    step_ms = WEEK_MS // 2
    for start_ms in range(_ms(_FROM), _ms(_TO), step_ms):
        low, high = start_ms, start_ms + step_ms
        if _offset(zone, low) == _offset(zone, high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
        yield high


def _totals(starts_ms: list[int], worked_ms: list[int]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for start_ms, ms in zip(starts_ms, worked_ms, strict=True):
        week_ms = week_start_ms(start_ms)
        totals[week_ms] = totals.get(week_ms, 0) + ms
    return totals


def _shown_and_read_again(start_ms: int, zone: ZoneInfo) -> int:
    """Show a segment's start as that zone's clocks have it, and find the instant of what is shown."""
    local = _moment(start_ms).astimezone(zone)
    shown = datetime.fromisoformat(local.isoformat())
    by_zone = local.replace(tzinfo=None).replace(tzinfo=zone, fold=local.fold).astimezone(UTC)
    assert shown == by_zone
    return _ms(by_zone)


def test_there_is_a_tz_database() -> None:
    assert len(_zones()) > 400
    assert len(list(_changes(ZoneInfo("Europe/Berlin")))) == 14
    assert list(_changes(ZoneInfo("Asia/Tokyo"))) == []


@pytest.mark.parametrize("part", range(8))
def test_local_time_at_every_change_leaves_every_total_as_it_is(part: int) -> None:
    changes = 0
    for name in _zones()[part::8]:
        zone = ZoneInfo(name)
        for change_ms in _changes(zone):
            changes += 1
            work = Interval(UUID(int=1), change_ms - _NEAR_MS - 61_001, change_ms + _NEAR_MS + 7, Kind.TRACKED, "memo")
            pieces = list(split(work))
            starts_ms = [segment_start_ms(piece.start_ms) for piece in pieces]
            worked_ms = [piece.worked_ms for piece in pieces]
            read_ms = [_shown_and_read_again(start_ms, zone) for start_ms in starts_ms]
            assert read_ms == starts_ms, name
            assert _totals(read_ms, worked_ms) == _totals(starts_ms, worked_ms), name
            assert sum(worked_ms) == work.worked_ms
            assert all(later - earlier == SEGMENT_MS for earlier, later in pairwise(starts_ms))
    assert changes > 0
