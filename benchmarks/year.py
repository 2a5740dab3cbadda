"""A year without a network against a day: opening the buffer, one tick with its status, and today's diary.

Also what the first contact takes that puts a provisional year in its place: the tracker says so while it lasts.

`python -m benchmarks.year` prints the medians of both, measured in turns in one run, and their ratios; PRODUCT.md,
"Offline and sync", wants a year as fast as a day. Twice: with a year sealed and waiting, and with a year that nothing
could be sealed of, because the machine was started again without a contact and its time is provisional.
"""

import argparse
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from tracker.diary import Diary
from tracker.domain.clock import Moment
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import Phase, State
from tracker.overview import Overview
from tracker.status import SyncView
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.journal import Measured
from tracker.store.outbox import Sealing
from tracker.sync.sealer import Sealer
from wire import canonical, chain
from wire.contract import Blur, Contract, ContractStatus, Policy
from wire.diary import Activity, Minute, Picture, Segment, Snapshot
from wire.diary import Interval as Sealed
from wire.words import MINUTE_MS, SEGMENT_MS, ActivitySource, Kind, RevisionReason, SnapshotStatus

YEAR = 25_000  # segments
DAY = 72  # midnight to noon: both show the same day
LIMIT = 1.5
ROUNDS = 15
_NOW_MS = 1_795_435_200_000  # Mon 2026-11-23 12:00:00 UTC
_DEVICE, _CONTRACT = UUID(int=9), UUID(int=1)
_KEY = bytes(range(32))
_BOOT = "boot"


def _picture() -> Picture:
    return Picture(
        monitor=0, width=1920, height=1080, sha256=secrets.token_hex(32), size=140_000,
        thumbnail_sha256=secrets.token_hex(32), thumbnail_size=9_000,
    )  # fmt: skip


def _seal(buffer: Buffer, start_ms: int) -> None:
    picture = _picture()
    segment = Segment(
        contract=_CONTRACT,
        device=_DEVICE,
        start_s=start_ms // 1000,
        revision=1,
        reason=RevisionReason.RECORDED,
        policy_version=1,
        clock_offset_ms=0,
        intervals=(Sealed(start_ms=0, end_ms=SEGMENT_MS, kind=Kind.TRACKED, memo="What is being done", label=None),),
        activity=Activity(
            source=ActivitySource.COUNTS,
            minutes=tuple(
                Minute(minute=minute, keys=100, clicks=9, scrolls=3, moved=True, active_s=0) for minute in range(10)
            ),
        ),
        snapshots=(Snapshot(at_ms=5, status=SnapshotStatus.SENT, reason=None, pictures=(picture,)),),
    )
    buffer.outbox.append(
        _DEVICE,
        Sealing(
            _CONTRACT, start_ms, 1, SEGMENT_MS, start_ms + SEGMENT_MS, chain.new_salt(), canonical.encode(segment),
            start_ms + SEGMENT_MS, (picture.sha256, picture.thumbnail_sha256),
        ),
    )  # fmt: skip


def _record(buffer: Buffer, start_ms: int) -> None:
    """Record a whole segment provisionally, in ticks of a minute."""
    for minute in range(10):
        at_ms = start_ms + minute * MINUTE_MS
        now = Moment(at_ms + MINUTE_MS, 0, 0, 0, is_provisional=True, boot_id=_BOOT)
        worked = Worked(Interval(_CONTRACT, at_ms, at_ms + MINUTE_MS, Kind.TRACKED, "What is being done"))
        measured = Measured(_CONTRACT, at_ms, ActivitySource.COUNTS, 100, 9, 3, moved=True)
        buffer.journal.write(State(), (worked,), measured, now=now, policy_version=1)
    buffer.snapshots.draw(_CONTRACT, start_ms, (5,))
    buffer.snapshots.add(
        _CONTRACT, start_ms + 5, drawn_ms=start_ms + 5, pictures=(_picture(),), leaves_ms=start_ms + 60_005,
        boot_id=_BOOT,
    )  # fmt: skip


def fill(folder: Path, segments: int, *, is_sealed: bool) -> None:
    """Make a buffer with so many segments up to now."""
    buffer = open_buffer(folder, _KEY)
    for first in range(0, segments, 500):
        with buffer.database.transaction():
            for number in range(first, min(first + 500, segments)):
                start_ms = _NOW_MS - (segments - number) * SEGMENT_MS
                (_seal if is_sealed else _record)(buffer, start_ms)
    buffer.database.close()


def _open(folder: Path) -> float:
    started = time.perf_counter()
    buffer = open_buffer(folder, _KEY)
    buffer.snapshots.restart_hold(_CONTRACT, _NOW_MS + 60_000)
    buffer.journal.interrupted_at_ms()
    buffer.journal.last_end_ms()
    passed = time.perf_counter() - started
    buffer.database.close()
    return passed


class _Desk:
    """An open buffer whose timer runs now."""

    def __init__(self, folder: Path, *, is_sealed: bool) -> None:
        self.buffer = open_buffer(folder, _KEY)
        self._sealer = Sealer(self.buffer.database, self.buffer.journal, self.buffer.snapshots, self.buffer.outbox)
        self._overview = Overview(self.buffer, self._sealer)
        self._diary = Diary(self.buffer, self._sealer)
        self._is_provisional = not is_sealed
        self._at_ms = _NOW_MS
        policy = Policy(
            version=1, snapshots_per_segment=1, blur=Blur.NONE, sends_window_titles=False, hold_s=60,
            allows_manual_time=True, declared_minutes_per_day=0, protects_declared_time=False, idle_limit_s=600,
            activity_threshold=1, retention_weeks=26, weekly_limit_minutes=None, rate_minor=4200,
        )  # fmt: skip
        self._contracts = (
            Contract(
                id=_CONTRACT, title="API", client="Northwind", freelancer="Robin", status=ContractStatus.ACTIVE,
                currency="USD", started_s=0, policy=policy,
            ),
        )  # fmt: skip

    def tick(self) -> None:
        """Do what the engine does every five seconds: count, look for what to seal, show."""
        begins_ms, self._at_ms = self._at_ms, self._at_ms + 5_000
        now = Moment(self._at_ms, 0, self._at_ms, 0, is_provisional=self._is_provisional, boot_id=_BOOT)
        state = State(phase=Phase.TRACKING, contract=_CONTRACT, memo="memo", counted=now, last_input_ms=self._at_ms)
        worked = Worked(Interval(_CONTRACT, begins_ms, self._at_ms, Kind.TRACKED, "memo"))
        measured = Measured(_CONTRACT, begins_ms, ActivitySource.COUNTS, 5, 1, 0, moved=True)
        self.buffer.journal.write(state, (worked,), measured, now=now, policy_version=1)
        self._sealer.seal(_DEVICE, state, now)
        self.buffer.snapshots.next_hold_ms(now.utc_ms)
        waiting = self.buffer.outbox.waiting()
        view = SyncView(
            server=None, is_logged_in=True, waiting_segments=waiting.segments, waiting_pictures=waiting.pictures,
            waiting_since_ms=waiting.since_ms, next_try_ms=None, last_contact_ms=None, refused_segments=0, problem=None,
        )  # fmt: skip
        self._overview.status(state, now, self._contracts, _DEVICE, view, ())

    def diary(self) -> None:
        """Show today's diary."""
        now = Moment(self._at_ms, 0, self._at_ms, 0, is_provisional=self._is_provisional, boot_id=_BOOT)
        self._diary.day(None, self._contracts, _DEVICE, now)


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(folder: Path, *, is_sealed: bool, year: int = YEAR) -> dict[str, tuple[float, float]]:
    """Give the medians of a day and of a year in seconds, by what was done."""
    folders = [folder / f"{segments} {is_sealed}" for segments in (DAY, year)]
    for place, segments in zip(folders, (DAY, year), strict=True):
        fill(place, segments, is_sealed=is_sealed)
    times: dict[str, tuple[list[float], list[float]]] = {what: ([], []) for what in ("open", "tick", "diary")}
    for _ in range(ROUNDS):
        for index, place in enumerate(folders):
            times["open"][index].append(_open(place))
    desks = [_Desk(place, is_sealed=is_sealed) for place in folders]
    for desk in desks:
        desk.tick()
    for _ in range(ROUNDS * 3):
        for index, desk in enumerate(desks):
            times["tick"][index].append(_timed(desk.tick))
            times["diary"][index].append(_timed(desk.diary))
    for desk in desks:
        desk.buffer.database.close()
    return {what: (statistics.median(day), statistics.median(long)) for what, (day, long) in times.items()}


def shift_s(folder: Path, segments: int) -> float:
    """Give the seconds that putting a provisional buffer in its place takes."""
    fill(folder, segments, is_sealed=False)
    buffer = open_buffer(folder, _KEY)
    passed_s = _timed(lambda: buffer.journal.shift_provisional(1_234_567, _BOOT, began_ms=2 * _NOW_MS))
    buffer.database.close()
    return passed_s


def main() -> int:
    """Measure, print, and say by the exit code whether all ratios are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.year", description=__doc__)
    parser.add_argument("--segments", type=int, default=YEAR, help="how many a year has (default: %(default)s)")
    segments = parser.parse_args().segments
    is_met = True
    with tempfile.TemporaryDirectory(prefix="daybook-year-") as folder:
        for is_sealed in (True, False):
            print("sealed and waiting" if is_sealed else "provisional, nothing sealed")
            for what, (day, long) in measure(Path(folder), is_sealed=is_sealed, year=segments).items():
                is_met &= long <= LIMIT * day
                print(f"  {what:6} {day * 1000:8.2f} ms a day  {long * 1000:8.2f} ms a year  × {long / day:.2f}")
        print(f"  contact {shift_s(Path(folder) / 'shift', segments):.2f} s a year")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
