"""Kill -9 of the whole headless program after writes that it acknowledged over its control socket.

Everything is the program's own but what it watches: the screen, the input and the idle watch are the tests' fakes, and
it is forked from a process that has imported it already. There is no network, as for a tracker that is offline.
"""

import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from unittest import mock

import msgspec

from tests.fakes.idle import FakeIdle
from tests.fakes.input import FakeInput
from tests.fakes.power import FakePower
from tests.fakes.screen import FakeScreen
from tests.fakes.terms import contract
from tests.torture.checking import read
from tests.torture.kill import FAST_FOLDER
from tests.torture.parts import Part, Result
from tests.torture.script import DEVICE, KEY
from tracker import app, cli, commands, control
from tracker.capture.platform import BackEnds
from tracker.clock import SystemClock, monotonic_ms
from tracker.commands import Command
from tracker.domain.clock import Anchor, Timebase
from tracker.domain.segment import segment_start_ms
from tracker.store.buffer import open_buffer
from tracker.sync.credentials import KeyFileVault
from wire.contract import ContractList
from wire.words import SEGMENT_MS

CYCLES = 25
_CONTRACTS = tuple(contract(number, snapshots_per_segment=3, hold_s=60 * (number % 2)) for number in range(1, 9))
_LONGEST_LOSS_MS = 5000 + 250  # a tick every 5 s, and the time that it takes
_ROUNDING_MS = 2
_STARTING_S = 20.0
_DAY_MS = 86_400_000


@dataclass(slots=True)
class _Session:
    """What one run of the program was told and had acknowledged: earliest and latest instants (UTC ms)."""

    word: str
    began: tuple[int, int]
    acknowledged_ms: int  # everything before was acknowledged
    memos: list[tuple[str, int, int]] = field(default_factory=list)
    ended_ms: int = 0
    is_stopped: bool = False


class _Program:
    """The program on one data folder, and what it should remember.

    Args:
        folder: for the data, the key file and the sockets.
    """

    def __init__(self, folder: Path, result: Result) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._key_file = folder / "keys.json"
        self._result = result
        self._child = 0
        self._sessions: list[_Session] = []
        reading = SystemClock().read()
        self._anchor = Anchor(reading.boot_id, reading.boot_ms, reading.system_utc_ms, is_provisional=False)
        self._began_ms = self._now_ms()
        self._prepare()

    def cycle(self, number: int, chance: random.Random) -> None:
        """Start it, see that nothing is missing, work, and kill it."""
        self._start()
        self._look_through_it()
        if not self._result.failures:
            session = self._work(f"c{number}", chance)
            time.sleep(chance.uniform(5, 8) if chance.random() < 0.01 else chance.random() * 0.1)
            os.kill(self._child, signal.SIGKILL)
            session.ended_ms = self._now_ms()
        else:
            os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        self._result.counts["kills"] += 1

    def look_into_it(self) -> None:
        """Examine the buffer itself: damage, the chain, overlaps, pictures without rows and rows without pictures."""
        buffer = open_buffer(self._data, KEY)
        problems: list[str] = []
        read(buffer, problems)
        if (said := buffer.database.rows("PRAGMA integrity_check")) != [("ok",)]:
            problems.append(f"integrity_check: {said}")
        rows = buffer.database.rows(
            "SELECT sha256 FROM picture UNION SELECT thumbnail_sha256 FROM picture UNION SELECT sha256 FROM upload"
        )
        named, kept = {row[0] for row in rows}, buffer.pictures.names()
        for name in named & kept:
            buffer.pictures.get(name)
        self._result.counts["pictures named"] += len(named)
        self._result.counts["orphan pictures found"] += len(kept - named)
        if named - kept:
            problems.append(f"{len(named - kept)} pictures have no file")
        buffer.database.close()
        self._result.failures += problems

    def _prepare(self) -> None:
        """Make a buffer as a log-in leaves it."""
        KeyFileVault(self._key_file).put("buffer-key", KEY.hex())
        buffer = open_buffer(self._data, KEY)
        buffer.settings.put("device", str(DEVICE))
        buffer.settings.put("contracts", msgspec.json.encode(ContractList(contracts=_CONTRACTS)))
        buffer.settings.put("timebase", msgspec.json.encode(Timebase(self._anchor)))
        buffer.database.close()

    def _start(self) -> None:
        self._child = os.fork()
        if self._child == 0:
            code = 1
            try:
                with (self._folder / "said.txt").open("ab", buffering=0) as file:
                    os.dup2(file.fileno(), 1)
                    os.dup2(file.fileno(), 2)
                with mock.patch.object(app, "back_ends", _fake_back_ends):
                    words = ["--data", str(self._data), "--key-file", str(self._key_file), "run", "--headless"]
                    code = cli.main(words, draw_instants=self._draw_soon)
            finally:
                sys.stdout.flush()
                os._exit(code)
        deadline = time.monotonic() + _STARTING_S
        while True:
            try:
                self._ask(commands.GetStatus())
            except control.NotRunningError:
                ended, code = os.waitpid(self._child, os.WNOHANG)
                if ended or time.monotonic() > deadline:
                    said = (self._folder / "said.txt").read_text(encoding="utf-8")
                    raise RuntimeError(f"the program did not start ({code}): {said}") from None
                time.sleep(0.003)
            else:
                return

    def _look_through_it(self) -> None:
        """Compare the program's own diary and notices with what was acknowledged in each session before."""
        status = self._ask(commands.GetStatus())
        assert isinstance(status, commands.StatusAnswer)
        spans = self._diary()
        for one, other in pairwise(spans):
            if one[1] > other[0]:
                self._result.failures.append(f"{one} and {other} overlap")
        for session in self._sessions[-2:]:
            self._result.failures += self._missing(session, spans)
        if self._sessions and not self._sessions[-1].is_stopped:
            was_told = any("recovered" in notice for notice in status.status.notices)
            self._result.counts["recoveries told"] += was_told
            own = any(memo.startswith(f"{self._sessions[-1].word}.") for *_, memo in spans)
            if own and not was_told:
                self._result.failures.append(f"the end of {self._sessions[-1].word} was not told")
        words = {session.word for session in self._sessions}
        invented = [span for span in spans if span[2].split(".")[0] not in words]
        self._result.failures += [f"{span} was invented" for span in invented]

    def _missing(self, session: _Session, spans: list[tuple[int, int, str]]) -> list[str]:
        """Say what of a session is missing or too much, to the millisecond where it was acknowledged."""
        mine = [span for span in spans if span[2].startswith(f"{session.word}.")]
        if not mine:
            return [f"nothing is left of {session.word}"]
        problems = [f"a gap in {session.word}: {one}, {other}" for one, other in pairwise(mine) if one[1] != other[0]]
        first_ms, last_ms = mine[0][0], mine[-1][1]
        if not session.began[0] - _ROUNDING_MS <= first_ms <= session.began[1] + _ROUNDING_MS:
            problems.append(f"{session.word} begins at {first_ms}, not in {session.began}")
        if not session.acknowledged_ms - _ROUNDING_MS <= last_ms <= session.ended_ms + _ROUNDING_MS:
            problems.append(
                f"{session.word} ends at {last_ms}; acknowledged to {session.acknowledged_ms}, killed at"
                f" {session.ended_ms}"
            )
        for memo, sent_ms, answered_ms in session.memos:
            begins_ms = next((span[0] for span in mine if span[2] == memo), None)
            if begins_ms is not None and not sent_ms - _ROUNDING_MS <= begins_ms <= answered_ms + _ROUNDING_MS:
                problems.append(f"{memo} begins at {begins_ms}, not in {sent_ms}…{answered_ms}")
        if not session.is_stopped:
            self._result.reach("ms of time lost", session.ended_ms - last_ms)
            if session.ended_ms - last_ms > _LONGEST_LOSS_MS:
                problems.append(f"{session.ended_ms - last_ms} ms of {session.word} were lost")
        return problems

    def _work(self, word: str, chance: random.Random) -> _Session:
        """Start the timer and do this and that, all of it acknowledged."""
        chosen = chance.choice(_CONTRACTS)
        began = self._now_ms(), self._do(commands.Start(str(chosen.id), f"{word}.0"))
        session = _Session(word, began, began[0])
        self._sessions.append(session)
        for number in range(1, chance.randint(2, 6)):
            time.sleep(0.002 + chance.random() * 0.03)
            sent_ms = self._now_ms()
            answered_ms = self._do(commands.SetMemo(f"{word}.{number}"))
            session.memos.append((f"{word}.{number}", sent_ms, answered_ms))
            session.acknowledged_ms = sent_ms
            if chance.random() < 0.3:
                self._decide(chance)
        if chance.random() < 0.2:
            session.acknowledged_ms = self._now_ms()
            self._do(commands.Stop())
            session.is_stopped = True
        return session

    def _decide(self, chance: random.Random) -> None:
        """Blur or withhold the newest snapshot, if its hold still runs."""
        status = self._ask(commands.GetStatus())
        if isinstance(status, commands.StatusAnswer) and status.status.snapshot is not None:
            decision = chance.choice((commands.BlurSnapshot, commands.WithholdSnapshot))
            answer = self._ask(decision(status.status.snapshot.id))
            self._result.counts["snapshots decided on"] += isinstance(answer, commands.Done)

    def _diary(self) -> list[tuple[int, int, str]]:
        spans = []
        for day_ms in range(self._began_ms - self._began_ms % _DAY_MS, self._now_ms() + 1, _DAY_MS):
            day = time.strftime("%Y-%m-%d", time.gmtime(day_ms / 1000))
            answer = self._ask(commands.GetDiary(day))
            assert isinstance(answer, commands.DiaryAnswer), answer
            spans += [
                (one.start_ms + span.start_ms, one.start_ms + span.end_ms, span.memo)
                for one in answer.segments
                for span in one.segment.intervals
            ]
        return sorted(spans)

    def _do(self, command: Command) -> int:
        answer = self._ask(command)
        if not isinstance(answer, commands.Done):
            raise TypeError(f"{command} was answered by {answer}")
        self._result.counts["acknowledged writes"] += 1
        return self._now_ms()

    def _ask(self, command: Command) -> commands.Answer:
        return control.ask(self._data, command)

    def _now_ms(self) -> int:
        return self._anchor.utc_ms_at(SystemClock().read())

    def _draw_soon(self, _segment_ms: int, count: int) -> tuple[int, ...]:
        """Draw instants that come while the program lives."""
        now_ms = self._now_ms()
        soon = (now_ms - segment_start_ms(now_ms) + 5 + 20 * number for number in range(count))
        return tuple(offset_ms for offset_ms in soon if offset_ms < SEGMENT_MS)


def _fake_back_ends() -> BackEnds:
    counter = FakeInput(monotonic_ms)
    return BackEnds(FakeScreen(), counter, FakeIdle(counter), FakePower(), "torture")


def run(seed: str, unit: int) -> Result:
    """Kill the program so many times on one data folder."""
    result = Result()
    chance = random.Random(f"kill-program {seed} {unit}")
    with tempfile.TemporaryDirectory(prefix="daybook-kill-", dir=FAST_FOLDER) as name:
        sockets = Path(name) / "run"
        sockets.mkdir(mode=0o700)
        with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(sockets)):
            program = _Program(Path(name), result)
            for number in range(CYCLES):
                program.cycle(number, chance)
                if result.failures:
                    break
                if number % 5 == 4:
                    program.look_into_it()
    result.failures = [f"kill-program, life {unit}: {failure}" for failure in result.failures]
    return result


PART = Part(
    name="kill-program",
    does="kill -9 of the whole program after acknowledged commands",
    thing="kills",
    total=1_000,
    size=CYCLES,
    run=run,
)
