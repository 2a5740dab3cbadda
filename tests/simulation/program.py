"""The tracker's process on the simulated machine: the real engine on the real buffer, killed and started again."""

import random
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import requests.adapters

from tests.fakes.power import FakePower
from tests.simulation.comparison import WrongError
from tests.simulation.machine import Machine, MachineDisk, MachineIdle, MachineInput, MachineScreen, Network
from tests.simulation.turns import Turns
from tests.torture.disk import VFS, observed
from tests.tracker.sync.conftest import MemoryVault
from tests.tracker.sync.scripted import Rules
from tracker.answering import BUG
from tracker.capture.platform import BackEnds
from tracker.commands import Answer, Command, LogIn, Quit, Refused
from tracker.domain.errors import BugError, MachineError, TrackerError
from tracker.engine import Engine
from tracker.store.buffer import Buffer, open_buffer
from tracker.sync import retry, service
from wire.contract import Contract
from wire.words import SEGMENT_MS

_URL = "https://marketplace.example"
_KEY = bytes(range(32))
_FOR_EVER_MS = 10**15
_ANSWER_MS = 300_000


class Program:
    """One process after the other.

    Args:
        machine: what it runs on.
        folder: for its data.
        seed: decides what its back ends, the disk and the network do.
        contracts: what the marketplace tells.
        has_disk: whether the disk is watched call by call, so that it can fail; that costs time.
        on_grab: is told before each grab of the screen.
    """

    def __init__(
        self,
        machine: Machine,
        folder: Path,
        seed: int,
        contracts: tuple[Contract, ...],
        *,
        has_disk: bool,
        on_grab: Callable[[], None],
    ) -> None:
        self.machine = machine
        self.power = FakePower()
        self.disk = MachineDisk()
        self.rules = Rules(_URL)
        self.rules.contracts = contracts
        self.turns = Turns(machine)
        self.network = Network(machine, self.rules, _drawing(f"{seed} network"), self._pause)
        self._handed_out = 0
        self._folder = folder
        self._vault = MemoryVault()
        self._instants = _drawing(f"{seed} instants")
        self._screen = MachineScreen(machine, _drawing(f"{seed} screen"), on_grab)
        self._jitter = _drawing(f"{seed} jitter")
        self._has_disk = has_disk
        self._stack = ExitStack()
        self.buffer: Buffer
        self.engine: Engine
        self.input: MachineInput

    def __enter__(self) -> "Program":
        self._stack.enter_context(mock.patch.object(requests.adapters.HTTPAdapter, "send", self._send()))
        self._stack.enter_context(mock.patch.object(service, "delay_s", self._delay_s))
        if self._has_disk:
            self._stack.enter_context(observed(self._folder, self.disk))
        return self

    def __exit__(self, *_: object) -> None:
        self.turns.die()
        self._stack.close()

    def _send(self) -> Callable[..., requests.Response]:
        network = self.network

        def send(adapter: object, request: requests.PreparedRequest, **named: object) -> requests.Response:
            return network.send(adapter, request, **named)

        return send

    def _delay_s(self, failures: int, after_s: float | None, _: random.Random) -> float:
        """Stand for `delay_s`, with a jitter that the seed decides."""
        return retry.delay_s(failures, after_s, self._jitter)

    # Its life

    def launch(self) -> None:
        """Start the process."""
        self.power.stop()
        self.buffer = open_buffer(
            self._folder, _KEY, self.machine.read().system_utc_ms, vfs=VFS if self._has_disk else None
        )
        if self._has_disk:
            self.buffer.database.rows("PRAGMA wal_autocheckpoint = 0")  # see tests/torture/faults.py
        self.input = MachineInput(self.machine)
        back_ends = BackEnds(self._screen, self.input, MachineIdle(self.machine), self.power, "simulated")
        self.engine = Engine(
            self.buffer, self._vault, self.machine, back_ends, self._draw, self.turns.worker
        )  # fmt: skip
        self.engine.start()

    def log_in(self) -> None:
        """Log in, for all processes to come."""
        answer = self.do(LogIn(_URL, "good", "refresh", _FOR_EVER_MS))
        if isinstance(answer, Refused):
            raise WrongError(f"the log-in was refused: {answer.sentence}")

    def die(self) -> None:
        """End as kill -9 or a power cut ends it: what is in the files then is all that is left."""
        self.turns.die()
        self.disk.is_gone, self.disk.dies_in, self.disk.trouble = False, None, None
        left = self._folder.with_name("left")
        shutil.copytree(self._folder, left)
        self._count_handed_out()
        self.engine.close()
        shutil.rmtree(self._folder)
        left.rename(self._folder)

    def ask_to_quit(self) -> None:
        """Ask it to end in good order."""
        answer = self.do(Quit())
        if isinstance(answer, Refused):
            raise WrongError(f"the end was refused: {answer.sentence}")

    def end(self) -> None:
        """See a process that is ending end."""
        if not self.engine.wait(10):
            raise WrongError("the engine did not end")
        self._count_handed_out()
        self.engine.close()
        self.turns.die()  # sync may be waiting for the network

    def pass_(self, ms: int) -> None:
        """Let time pass."""
        self.turns.wait_story(ms, lambda: False)

    def do(self, command: Command) -> Answer:
        """Hand in a command and wait for its answer."""
        answer: Future[Answer] = self.engine.submit(command)
        self.turns.wait_story(_ANSWER_MS, answer.done)
        if not answer.done():
            raise WrongError(f"{command} was not answered")
        result = answer.result()
        if isinstance(result, Refused) and (result.sentence == BUG or result.exit_code == BugError.exit_code):
            raise WrongError(f"{command} met a bug: {result.sentence}")
        return result

    def checkpoint(self) -> None:
        """Move the WAL into the database, as SQLite does by itself where the disk is not watched."""
        if self._has_disk and self.disk.trouble is None:
            try:
                self.buffer.database.rows("PRAGMA wal_checkpoint(PASSIVE)")
            except TrackerError as error:
                raise WrongError(f"a checkpoint failed: {error}") from error

    def is_refused_by_machine(self, answer: Answer) -> bool:
        """Tell whether the disk kept it from being done."""
        return isinstance(answer, Refused) and answer.exit_code == MachineError.exit_code

    def _count_handed_out(self) -> None:
        self._handed_out += self.input.handed_out

    @property
    def keys_handed_out(self) -> int:
        """The keys that the counters of all processes gave to the timer."""
        return self._handed_out + self.input.handed_out

    def _pause(self, ms: int) -> None:
        self.turns.pause(ms)

    def _draw(self, _segment_ms: int, count: int) -> tuple[int, ...]:
        return tuple(sorted(self._instants.randrange(SEGMENT_MS) for _ in range(count)))


def _drawing(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 (a seed must decide everything)
