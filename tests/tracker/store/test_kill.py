"""A killed process loses nothing that it was told is saved."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.fakes.clock import NOON_MS
from tests.tracker.store.conftest import KEY
from tracker.store.buffer import open_buffer

CYCLES = 24

_TICKS = """
import sys
from pathlib import Path
from uuid import UUID
from tracker.domain.clock import Moment
from tracker.domain.segment import Interval
from tracker.domain.events import Worked
from tracker.domain.session import Phase, State
from tracker.store.buffer import open_buffer
from wire.words import Kind
buffer = open_buffer(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))
start_ms = int(sys.argv[3])
while True:
    now = Moment(start_ms + 50, 0, 0, 0, is_provisional=False)
    state = State(phase=Phase.TRACKING, contract=UUID(int=1), counted=now)
    worked = Worked(Interval(UUID(int=1), start_ms, start_ms + 50, Kind.TRACKED, "memo"))
    buffer.journal.write(state, (worked,), None, now=now, policy_version=1)
    start_ms += 50
    print(start_ms, flush=True)
"""


def test_kill_9_after_an_acknowledgement_loses_nothing(tmp_path: Path) -> None:
    """Ticks of 50 ms across many segments; after each kill the journal holds all that was said, once."""
    said_ms = NOON_MS
    for cycle in range(CYCLES):
        child = subprocess.Popen(
            [sys.executable, "-c", _TICKS, str(tmp_path), KEY.hex(), str(said_ms)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(3 + cycle % 7):
            said_ms = int(child.stdout.readline())
        child.kill()
        rest = child.stdout.read().splitlines(keepends=True)
        assert child.wait(10) == -signal.SIGKILL
        child.stdout.close()
        said_ms = max([said_ms, *(int(line) for line in rest if line.endswith("\n"))])

        buffer = open_buffer(tmp_path, KEY)
        try:
            interrupted_ms = buffer.journal.interrupted_at_ms()
            assert interrupted_ms is not None
            assert said_ms <= interrupted_ms <= said_ms + 50
            assert buffer.journal.last_end_ms() == interrupted_ms
            assert sum(buffer.journal.worked_ms(0, 2**62).values()) == interrupted_ms - NOON_MS
            assert buffer.database.rows("PRAGMA quick_check") == [("ok",)]
            assert buffer.outbox.waiting().segments == 0
            said_ms = interrupted_ms
        finally:
            buffer.database.close()
