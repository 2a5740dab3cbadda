"""Showing instants as the clocks of every zone of the tz database have them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from wire.week import week_start_ms


@cache
def zones() -> tuple[str, ...]:
    """Name every zone."""
    return tuple(sorted(available_timezones() - {"localtime", "Factory"}))


def ms_of(moment: datetime) -> int:
    """Give an instant in UTC milliseconds."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def moment_of(ms: int) -> datetime:
    """Give UTC milliseconds as an instant."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def totals(starts_ms: list[int], worked_ms: list[int]) -> dict[int, int]:
    """Sum worked time by the billing week in which it starts."""
    summed: dict[int, int] = {}
    for start_ms, ms in zip(starts_ms, worked_ms, strict=True):
        week_ms = week_start_ms(start_ms)
        summed[week_ms] = summed.get(week_ms, 0) + ms
    return summed


def shown_and_read_again(start_ms: int, zone: ZoneInfo) -> int:
    """Show a segment's start as that zone's clocks have it, and find the instant of what is shown."""
    local = moment_of(start_ms).astimezone(zone)
    shown = datetime.fromisoformat(local.isoformat())
    by_zone = local.replace(tzinfo=None).replace(tzinfo=zone, fold=local.fold).astimezone(UTC)
    assert shown == by_zone
    return ms_of(by_zone)
