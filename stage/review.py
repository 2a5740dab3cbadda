"""Holds what the client's pages show against what was recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stage.browser import DiaryPage, Tile, Visitor
from stage.person import Input
from stage.processes import StageError
from stage.servers import Agreement


@dataclass(frozen=True)
class Recorded:
    """A segment as the tracker's own diary tells it (`daybook diary --json`)."""

    start_ms: int
    worked_ms: int
    minutes: dict[int, Input]
    pictures: int
    withheld: int
    sync_state: str

    @property
    def input(self) -> Input:
        """All its counts."""
        return sum(self.minutes.values(), Input())

    @property
    def counted_minutes(self) -> dict[int, Input]:
        """The minutes in which anything was counted."""
        return {minute: one for minute, one in self.minutes.items() if one != Input()}

    @property
    def day(self) -> str:
        """The UTC day it belongs to, as YYYY-MM-DD."""
        return utc_day(self.start_ms)


def utc_day(at_ms: int) -> str:
    """Give the UTC day of an instant as YYYY-MM-DD."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def recorded(diary: Iterable[dict[str, Any]], contract: str) -> list[Recorded]:
    """Read the tracker's diary segments of one contract, in order."""
    return [_read(one) for one in diary if one["segment"]["contract"] == contract and one["worked_ms"] > 0]


def total(segments: Iterable[Recorded]) -> Input:
    """Add up the counts of all segments."""
    return sum((segment.input for segment in segments), Input())


def diary_address(contract: Agreement, day: str) -> str:
    """Give the address of a contract's diary page of a UTC day."""
    return f"{contract.diary}{day}/"


def read_pages(visitor: Visitor, contract: Agreement, segments: Sequence[Recorded]) -> list[DiaryPage]:
    """Open the diary page of every day that has segments."""
    days = sorted({segment.day for segment in segments})
    return [visitor.diary(diary_address(contract, day)) for day in days]


def compare(segments: Sequence[Recorded], pages: Sequence[DiaryPage]) -> list[Tile]:
    """Hold the pages against the segments, and give the tiles in the segments' order.

    Raises:
        StageError: the pages show something else; the sentence says what.
    """
    tiles = [tile for page in pages for tile in page.tiles]
    if len(tiles) != len(segments):
        raise StageError(f"The client's diary shows {len(tiles)} segments where {len(segments)} were recorded.")
    for segment, tile in zip(segments, tiles, strict=True):
        name = f"The segment of {datetime.fromtimestamp(segment.start_ms / 1000, UTC):%H:%M} UTC"
        if tile.worked_ms != segment.worked_ms:
            raise StageError(f"{name} shows {tile.worked_ms} ms worked where {segment.worked_ms} ms were recorded.")
        if tile.input != segment.input:
            raise StageError(f"{name} shows {spell(tile.input)} where {spell(segment.input)} were recorded.")
        if segment.pictures and not tile.has_picture:
            raise StageError(f"{name} shows no picture where one was taken.")
    for page in pages:
        shown = sum((tile.input for tile in page.tiles), Input())
        if page.input != shown or page.worked_ms != sum(tile.worked_ms for tile in page.tiles):
            raise StageError(f"The day's totals on {page.address} are not the sums of its segments.")
    return tiles


def spell(done: Input) -> str:
    """Say counts for people."""
    words = [(done.keys, "key press", "key presses"), (done.clicks, "click", "clicks")]
    words.append((done.scrolls, "scroll step", "scroll steps"))
    return ", ".join(f"{number} {one if number == 1 else many}" for number, one, many in words)


def _read(one: dict[str, Any]) -> Recorded:
    content = one["segment"]
    return Recorded(
        start_ms=one["start_ms"],
        worked_ms=one["worked_ms"],
        minutes={
            line["minute"]: Input(line["keys"], line["clicks"], line["scrolls"])
            for line in content["activity"]["minutes"]
        },
        pictures=sum(len(snapshot["pictures"]) for snapshot in content["snapshots"]),
        withheld=sum(snapshot["status"] == "withheld" for snapshot in content["snapshots"]),
        sync_state=one["sync_state"],
    )
