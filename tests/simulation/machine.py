"""The machine under the real engine: what its back ends, its disk and its network do, all on the world's clock."""

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.simulation.turns import ProcessDeathError
from tests.simulation.world import World
from tests.torture.disk import Call
from tests.tracker.sync.scripted import Rules, Said, Seen, problem
from tracker.capture.idle.port import Idleness, IdleWatch
from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError
from tracker.capture.screen.port import Frame, Screen, ScreenUnavailableError
from wire.words import ActivitySource

_WIDTH, _HEIGHT = 32, 18
_CODES = {"full": errno.ENOSPC, "broken": errno.EIO}


@dataclass(slots=True)
class Presence:
    """The person's hands on the machine: a key at `from_t`, and one each period until they leave."""

    from_t: int
    period_ms: int
    to_t: int | None = None

    def presses(self, from_t: int, to_t: int) -> int:
        """Count the keys pressed after one instant, up to and with another."""
        from_t, to_t = max(from_t, self.from_t - 1), to_t if self.to_t is None else min(to_t, self.to_t)
        if to_t <= from_t:
            return 0
        return (to_t - self.from_t) // self.period_ms - (from_t - self.from_t) // self.period_ms


class Machine(World):
    """A world that also remembers each key."""

    def __init__(self, rng: random.Random, start_utc_ms: int, *, is_misread: bool) -> None:
        super().__init__(rng, start_utc_ms, is_misread=is_misread)
        self.presences: list[Presence] = []
        self.was_stepped = self.was_slewed = False

    def step_system_clock(self, ms: int) -> None:
        super().step_system_clock(ms)
        self.was_stepped = True

    def slew(self, rate: float) -> None:
        super().slew(rate)
        self.was_slewed = True

    def arrive(self, period_ms: int) -> None:
        super().arrive(period_ms)
        self.presences.append(Presence(self.t, period_ms))

    def leave(self) -> None:
        super().leave()
        self._end_presence()

    def boot(self) -> None:
        self._end_presence()
        super().boot()

    def presses(self, from_t: int, to_t: int) -> int:
        """Count the keys pressed after one instant, up to and with another."""
        return sum(one.presses(from_t, to_t) for one in self.presences[-50:])

    def _end_presence(self) -> None:
        if self.presences and self.presences[-1].to_t is None:
            self.presences[-1].to_t = self.t


class MachineInput(InputCounter):
    """Counts the keys pressed while it runs."""

    name = "simulated"
    source = ActivitySource.COUNTS

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.mono_ms)
        self._machine = machine
        self._since_t: int | None = None
        self._kept = 0
        self.handed_out = 0
        self.lost: str | None = None
        """The sentence with which every start fails, or None."""

    def die(self, sentence: str) -> None:
        """End the counting, as when the display goes away; it cannot start until `lost` is None again."""
        self.stop()
        self.lost = sentence

    @property
    def running(self) -> bool:
        return self._since_t is not None

    def start(self) -> None:
        if self.lost is not None:
            raise InputUnavailableError(self.lost)
        if self._since_t is None:
            self._since_t = self._machine.t

    def stop(self) -> None:
        self._count()
        self._since_t = None

    def take(self) -> Counts:
        self._count()
        taken, self._kept = self._kept, 0
        self.handed_out += taken
        return Counts(taken, 0, 0)

    def newest_ms(self) -> int | None:
        return self._machine.last_input_mono_ms()

    def problem(self) -> str | None:
        return self.lost

    def _count(self) -> None:
        if self._since_t is not None:
            self._kept += self._machine.presses(self._since_t, self._machine.t)
            self._since_t = self._machine.t


class MachineIdle(IdleWatch):
    """Says when the last key was; its first look counts as input."""

    name = "simulated"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._first_ms: int | None = None

    def look(self, now_ms: int) -> Idleness:
        if self._first_ms is None:
            self._first_ms = now_ms
        return Idleness(max(self._first_ms, self._machine.last_input_mono_ms()), moved=False)

    def problem(self) -> str | None:
        return None


class MachineScreen(Screen):
    """Shows something new at each grab; is blank or fails now and then.

    Args:
        machine: whose.
        rng: draws what a grab meets.
        on_grab: is told before each grab.
    """

    name = "simulated"

    def __init__(self, machine: Machine, rng: random.Random, on_grab: Callable[[], None]) -> None:
        self._machine = machine
        self._rng = rng
        self._on_grab = on_grab

    def grab(self) -> tuple[Frame, ...]:
        self._on_grab()
        draw = self._rng.random()
        if draw < 0.06:
            raise ScreenUnavailableError("The screen cannot be read now. Daybook tries again at the next snapshot.")
        if draw < 0.12:
            return (Frame(0, _WIDTH, _HEIGHT, bytes(_WIDTH * _HEIGHT * 4)),)
        monitors = 2 if draw > 0.8 else 1
        return tuple(Frame(monitor, _WIDTH, _HEIGHT, self._picture()) for monitor in range(monitors))

    def _picture(self) -> bytes:
        same = b"\x20\x40\x80\0\xe0\xc0\xa0\0" * (_WIDTH * _HEIGHT // 2)
        return same if self._rng.random() < 0.1 else self._rng.randbytes(_WIDTH * _HEIGHT * 4)


@dataclass(slots=True)
class MachineDisk:
    """Refuses what a full or broken disk refuses, and lets the process die at one of Python's own calls.

    Those lie between a commit and what follows it: the commit's number, a picture's file, its destruction.
    """

    trouble: str | None = None
    dies_in: int | None = None  # calls
    is_gone: bool = False  # the process has died
    refused: int = 0
    deaths: list[str] = field(default_factory=list)

    def before(self, call: Call) -> None:
        """Refuse a call, or die at it."""
        if self.is_gone:
            raise OSError(errno.EIO, "the process is gone") if call.is_sqlite else ProcessDeathError
        if self.trouble is not None and (self.trouble == "broken" or call.does in {"create", "write"}):
            self.refused += 1
            raise OSError(_CODES[self.trouble], f"simulated: {self.trouble}")
        if self.dies_in is not None and not call.is_sqlite:
            self.dies_in -= 1
            if self.dies_in <= 0:
                self.dies_in, self.is_gone = None, True
                self.deaths.append(call.does)
                raise ProcessDeathError

    def after(self, call: Call) -> None:
        """Nothing is kept of it."""


class Network:
    """Carries requests to the marketplace while it is up; loses some of them or their answers.

    Args:
        machine: whose clock the marketplace's follows.
        rules: the marketplace.
        rng: draws what is lost.
        pause: lets time pass in the thread that asks.

    `is_exact` tells whether nothing is lost or late.
    """

    def __init__(self, machine: Machine, rules: Rules, rng: random.Random, pause: Callable[[int], None]) -> None:
        self.is_up = self.is_exact = True
        self._machine = machine
        self._rules = rules
        self._rng = rng
        self._pause = pause

    def send(self, _adapter: object, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Stand for `HTTPAdapter.send`."""
        if not self.is_up or self._is_lost():
            raise requests.ConnectionError("simulated: no way there")
        self._wait()
        url = urlsplit(str(request.url))
        body = request.body or b""
        seen = Seen(
            str(request.method),
            url.path,
            {name: values[0] for name, values in parse_qs(url.query).items()},
            {name.lower(): value for name, value in request.headers.items()},
            body if isinstance(body, bytes) else str(body).encode(),
        )
        self._rules.utc_ms = self._machine.market_utc_ms()
        said = problem(503, "busy") if self._is_lost() else self._rules.answer(seen)
        self._wait()
        if said.cut or self._is_lost():
            raise requests.ConnectionError("simulated: the answer is lost")
        return _response(request, said)

    def settle(self) -> None:
        """Be up, and lose nothing any more."""
        self.is_up = self.is_exact = True

    def _is_lost(self) -> bool:
        return not self.is_exact and self._rng.random() < 0.03

    def _wait(self) -> None:
        if not self.is_exact and self._rng.random() < 0.3:
            self._pause(self._rng.choice((1, 5, 20)))


def _response(request: requests.PreparedRequest, said: Said) -> requests.Response:
    response = requests.Response()
    response.status_code = said.status
    response._content = said.content()
    response.headers.update(said.headers)
    response.request, response.url = request, str(request.url)
    return response
