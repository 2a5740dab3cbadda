"""When a segment may be sealed (PRODUCT.md, "Offline and sync"); instants are UTC milliseconds since the epoch."""

from dataclasses import dataclass

from tracker.domain.clock import Moment
from tracker.domain.session import State
from wire.words import SEGMENT_MS


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A segment that is still open.

    `last_end_ms` is the end of its last recorded interval, `last_hold_ms` when its last held snapshot may leave (None
    where none is held); `is_provisional` means its timestamps await the marketplace's time.
    """

    start_ms: int
    last_end_ms: int
    last_hold_ms: int | None
    is_provisional: bool


def may_seal(segment: Unsealed, state: State, now: Moment) -> bool:
    """Tell whether nothing can change the segment any more.

    It has ended or the timer stopped, its holds have run out, idleness can no longer cut it, and its timestamps are
    the marketplace's; so must those be that tell whether a hold has run out.
    """
    if segment.is_provisional or now.is_provisional:
        return False
    if segment.last_hold_ms is not None and segment.last_hold_ms > now.utc_ms:
        return False
    if state.idle_cut_ms is not None and segment.last_end_ms > state.idle_cut_ms:
        return False
    return state.counted is None or segment.start_ms + SEGMENT_MS <= state.counted.utc_ms
