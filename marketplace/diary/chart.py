"""A segment's counts per minute as a server-made SVG chart; the table beside it says the same in numbers."""

from dataclasses import dataclass

from wire.diary import Minute
from wire.words import MINUTES_PER_SEGMENT

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


def bars(minutes: tuple[Minute, ...]) -> list[Bar]:
    """Stack keys, clicks and scrolls of each minute; the busiest minute has the whole height."""
    most = max((one.keys + one.clicks + one.scrolls for one in minutes), default=0)
    if not most:
        return []
    drawn: list[Bar] = []
    for minute in minutes:
        bottom = float(HEIGHT)
        for series, count in (("scrolls", minute.scrolls), ("clicks", minute.clicks), ("keys", minute.keys)):
            if count:
                height = count / most * HEIGHT
                bottom -= height
                drawn.append(
                    Bar(
                        round(minute.minute * _STEP + _GAP / 2, 2),
                        round(bottom, 2),
                        round(_STEP - _GAP, 2),
                        round(height, 2),
                        series,
                    )
                )
    return drawn
