"""A segment's activity per minute as a server-made SVG chart; the table beside it says the same in numbers."""

from dataclasses import dataclass

from wire.diary import Activity, Minute
from wire.words import MINUTE_MS, MINUTES_PER_SEGMENT, ActivitySource

WIDTH, HEIGHT = 340, 96
_GAP = 6
_STEP = WIDTH / MINUTES_PER_SEGMENT


@dataclass(frozen=True, slots=True)
class Bar:
    """One stacked part, in the chart's own units from the top left; `series` is its CSS class."""

    x: float
    y: float
    width: float
    height: float
    series: str


def bars(activity: Activity) -> list[Bar]:
    """Draw each minute: its counts stacked, the busiest minute at the whole height; or its active seconds of sixty."""
    if activity.source is ActivitySource.ACTIVE_SECONDS:
        whole = MINUTE_MS // 1000
        return [_bar(one, 0, one.active_s / whole, "active") for one in activity.minutes if one.active_s]
    most = max((one.keys + one.clicks + one.scrolls for one in activity.minutes), default=0)
    drawn: list[Bar] = []
    for minute in activity.minutes:
        below = 0
        for series, count in (("scrolls", minute.scrolls), ("clicks", minute.clicks), ("keys", minute.keys)):
            if count:
                drawn.append(_bar(minute, below / most, count / most, series))
                below += count
    return drawn


def _bar(minute: Minute, below: float, share: float, series: str) -> Bar:
    """Place a part that takes a share of the chart's height, above what is below it."""
    return Bar(
        x=round(minute.minute * _STEP + _GAP / 2, 2),
        y=round((1 - below - share) * HEIGHT, 2),
        width=round(_STEP - _GAP, 2),
        height=round(share * HEIGHT, 2),
        series=series,
    )
