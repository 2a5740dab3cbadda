"""Holds what was recorded to the truth: who, what, when, and to the millisecond how long."""

from dataclasses import dataclass, replace
from itertools import pairwise

from tests.simulation.driver import Entry
from tests.simulation.truth import Stretch, Truth
from wire.week import WEEK_MS, week_start_ms


class WrongError(Exception):
    """The machine under test and the truth differ."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The truth to hold entries to.

    Args:
        truth: what was worked.
        misread_ms: how wrongly the clocks may have been read.
    """

    truth: Truth
    misread_ms: int

    @property
    def _off_ms(self) -> int:
        return 2 * self.misread_ms

    def hold(self, recorded: list[Entry]) -> int:
        """Compare, and give the milliseconds that are rightly lacking.

        Raises:
            WrongError: something is missing, invented, doubled, or was never worked.
        """
        entries = sorted(recorded, key=lambda one: one.start_ms - one.offset_ms)
        lacking_ms = self._match(merged(self.truth.stretches), entries)
        self._check_sleeps(entries)
        self.check_overlaps(entries)
        self._check_weeks(entries)
        return lacking_ms

    def _match(self, expected: list[Stretch], entries: list[Entry]) -> int:
        """Hold each stretch to its entry."""
        lacking_ms, number = 0, 0
        for stretch in expected:
            length_ms = stretch.end_t - stretch.start_t
            cut_ms = self._off_ms if stretch.is_cut else 0
            least_ms = length_ms - stretch.late_ms - stretch.lost_ms - cut_ms
            while number < len(entries) and self._is_crumb(entries[number], stretch):
                number += 1
            one = entries[number] if number < len(entries) else None
            if one is None or not self._is_recording(one, stretch):
                if least_ms > 0:
                    raise WrongError(f"{stretch} is missing; next is {_shown(one)}")
                lacking_ms += length_ms
                continue
            worked_ms = one.end_ms - one.start_ms
            if not least_ms <= worked_ms <= length_ms + cut_ms:
                raise WrongError(f"{stretch}, {length_ms} ms, was recorded as {worked_ms} ms")
            lacking_ms += length_ms - worked_ms
            number += 1
        rest = [one for one in entries[number:] if not self._is_crumb(one, None)]
        if rest:
            raise WrongError(f"{_shown(rest[0])} was never worked")
        return lacking_ms

    def _is_crumb(self, one: Entry, stretch: Stretch | None) -> bool:
        """Tell whether an entry is but what a misread clock left at another device's start."""
        is_short = one.end_ms - one.start_ms <= self._off_ms and self.truth.was_taken_over
        return is_short and (stretch is None or not self._is_recording(one, stretch))

    def _is_recording(self, one: Entry, stretch: Stretch) -> bool:
        is_same = (one.contract, one.kind, one.memo, one.label) == (
            stretch.contract, stretch.kind, stretch.memo, stretch.label,
        )  # fmt: skip
        off_ms = self._off_ms
        return is_same and -off_ms <= one.start_ms - one.offset_ms - stretch.start_t <= stretch.late_ms + off_ms

    def _check_sleeps(self, entries: list[Entry]) -> None:
        off_ms = self.misread_ms
        sleeps = iter(self.truth.sleeps)
        sleep = next(sleeps, None)
        for one in entries:
            start_t, end_t = one.start_ms - one.offset_ms, one.end_ms - one.offset_ms
            while sleep is not None and sleep[1] <= start_t + off_ms:
                sleep = next(sleeps, None)
            if sleep is not None and sleep[0] + off_ms < end_t:
                raise WrongError(f"{one} lies in the suspension {sleep}")

    def check_overlaps(self, entries: list[Entry]) -> None:
        """Look for overlaps in UTC; provisional timestamps are corrected before they count."""
        certain = sorted((one for one in entries if not one.is_provisional), key=lambda one: one.start_ms)
        for one, two in pairwise(certain):
            if two.start_ms < one.end_ms:
                raise WrongError(f"{one} and {two} overlap")

    def _check_weeks(self, entries: list[Entry]) -> None:
        """A billing week has no more time than it has."""
        weeks: dict[int, int] = {}
        for one in entries:
            if one.is_provisional:
                continue
            start_ms = one.start_ms
            while start_ms < one.end_ms:
                end_ms = min(one.end_ms, week_start_ms(start_ms) + WEEK_MS)
                weeks[week_start_ms(start_ms)] = weeks.get(week_start_ms(start_ms), 0) + end_ms - start_ms
                start_ms = end_ms
        if any(worked_ms > WEEK_MS for worked_ms in weeks.values()):
            raise WrongError(f"a week holds more than a week: {weeks}")


def merged(stretches: list[Stretch]) -> list[Stretch]:
    """Join what follows on without a break."""
    joined: list[Stretch] = []
    for one in stretches:
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.end_t, last.lost_ms, one.late_ms, last.is_cut) == (one.start_t, 0, 0, False)
            and (last.contract, last.kind, last.memo, last.label) == (one.contract, one.kind, one.memo, one.label)
        ):
            last.end_t, last.lost_ms, last.is_cut = one.end_t, one.lost_ms, one.is_cut
        else:
            joined.append(replace(one))
    return joined


def _shown(one: Entry | None) -> str:
    return "nothing" if one is None else f"{one} at t={one.start_ms - one.offset_ms}"
