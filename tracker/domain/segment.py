"""Worked time on the ten-minute UTC grid; instants are UTC milliseconds since the epoch, ranges half-open."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from wire.words import SEGMENT_MS, Kind

MEMO_LIMIT = 10_000
LABEL_LIMIT = 200
"""The most characters of a memo and of a label, as the marketplace takes them (`wire.diary.Interval`)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Time worked on one contract with one memo."""

    contract: UUID
    start_ms: int
    end_ms: int
    kind: Kind
    memo: str
    label: str | None = None

    @property
    def worked_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms


def whole_characters(text: str) -> str:
    """Give a text that can be kept and sent: half a character, as broken input leaves one, becomes U+FFFD.

    SQLite and JSON refuse such halves (lone surrogates); refused in a memo, each tick under it would be lost.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def segment_start_ms(utc_ms: int) -> int:
    """Give the start of the segment that an instant falls in."""
    return utc_ms - utc_ms % SEGMENT_MS


def split(interval: Interval) -> Iterator[Interval]:
    """Cut an interval at the grid, so that each piece lies in one segment; not a millisecond is lost."""
    for start_ms, end_ms in on_the_grid(interval.start_ms, interval.end_ms):
        yield replace(interval, start_ms=start_ms, end_ms=end_ms)


def on_the_grid(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """Cut a span of time at the grid."""
    while start_ms < end_ms:
        cut_ms = min(end_ms, segment_start_ms(start_ms) + SEGMENT_MS)
        yield start_ms, cut_ms
        start_ms = cut_ms
