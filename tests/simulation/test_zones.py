"""Every zone of the tz database at each of its changes from 2024 to 2030: showing local time never changes a total."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.simulation.zones import moment_of, ms_of, shown_and_read_again, totals, zones
from tracker.domain.segment import Interval, segment_start_ms, split
from wire.week import WEEK_MS
from wire.words import SEGMENT_MS, Kind

_FROM, _TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
_HOUR_MS = 3_600_000
_NEAR_MS = 3 * _HOUR_MS


def _offset(zone: ZoneInfo, ms: int) -> timedelta | None:
    return moment_of(ms).astimezone(zone).utcoffset()


def _changes(zone: ZoneInfo) -> Iterator[int]:
    """Give the instants at which a zone's offset changes; found by halving each half-week in which it differs."""
    step_ms = WEEK_MS // 2
    for start_ms in range(ms_of(_FROM), ms_of(_TO), step_ms):
        low, high = start_ms, start_ms + step_ms
        if _offset(zone, low) == _offset(zone, high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
        yield high


def test_there_is_a_tz_database() -> None:
    assert len(zones()) > 400
    assert len(list(_changes(ZoneInfo("Europe/Berlin")))) == 14
    assert list(_changes(ZoneInfo("Asia/Tokyo"))) == []


@pytest.mark.parametrize("part", range(8))
def test_local_time_at_every_change_leaves_every_total_as_it_is(part: int) -> None:
    changes = 0
    for name in zones()[part::8]:
        zone = ZoneInfo(name)
        for change_ms in _changes(zone):
            changes += 1
            work = Interval(UUID(int=1), change_ms - _NEAR_MS - 61_001, change_ms + _NEAR_MS + 7, Kind.TRACKED, "memo")
            pieces = list(split(work))
            starts_ms = [segment_start_ms(piece.start_ms) for piece in pieces]
            worked_ms = [piece.worked_ms for piece in pieces]
            read_ms = [shown_and_read_again(start_ms, zone) for start_ms in starts_ms]
            assert read_ms == starts_ms, name
            assert totals(read_ms, worked_ms) == totals(starts_ms, worked_ms), name
            assert sum(worked_ms) == work.worked_ms
            assert all(later - earlier == SEGMENT_MS for earlier, later in pairwise(starts_ms))
    assert changes > 0
