"""The timer at work: runs the session's state machine on the real clocks and back ends, and commits what it decides."""

import msgspec

from tracker.capture.idle.port import Idleness, IdleWatch
from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError
from tracker.clock import Clock
from tracker.domain import events, session
from tracker.domain.clock import Moment, Reading, Timebase
from tracker.domain.events import Event, Notice, Told, Worked
from tracker.domain.session import TICK_S, Phase, State, transition
from tracker.store.buffer import Buffer
from tracker.store.journal import Measured
from tracker.terms import terms_of
from wire.contract import Contract
from wire.words import MINUTE_MS, ActivitySource

_NOTHING = Counts(0, 0, 0)


class Timer:
    """Counts time and input on one contract at a time.

    Args:
        buffer: where everything is committed.
        clock: the only source of time.
        counter: counts input while tracking, and at no other time.
        idle: says when the last input was.
    """

    def __init__(self, buffer: Buffer, clock: Clock, counter: InputCounter, idle: IdleWatch) -> None:
        self._buffer = buffer
        self._clock = clock
        self._counter = counter
        self._idle = idle
        self._timebase = Timebase.at_boot(clock.read(), _kept_timebase(buffer))
        self._counts, self._moved = _NOTHING, False  # input not committed yet
        self._heard: list[tuple[Event, Moment, Idleness]] = []  # what happened to the machine, not committed yet
        self.state = State()
        self.contract: Contract | None = None
        self.cut_ms = 0  # corrected time that overlapped what was recorded before, until the next start
        self.told: Notice | None = None  # the newest change that the timer made by itself, until the next start

    @property
    def is_tracking(self) -> bool:
        """Whether time is being recorded."""
        return self.state.phase is Phase.TRACKING

    def now(self) -> Moment:
        """Read the clocks and place them in marketplace time."""
        return self._timebase.moment(self._clock.read())

    def start(self, contract: Contract, memo: str) -> None:
        """Track on a contract; a running timer counts up to now and switches."""
        if not self.is_tracking:
            timebase = self._timebase.at_start(self._clock.read(), self._buffer.journal.last_end_ms())
            self._keep(timebase)
            self._timebase = timebase
            self._idle.look(self.now().mono_ms)
        self._advance(events.Start(contract.id, memo, terms_of(contract, self._buffer, self.now())))
        self.contract, self.told, self.cut_ms = contract, None, 0

    def hold_to(self, contract: Contract) -> None:
        """Go on by a contract's policy as it is known now."""
        self.contract = contract  # first: what a late tick counts of the new segment is under the new policy
        self.tick()  # what is left of a limit is known once the time up to now is recorded
        self._advance(events.NewTerms(terms_of(contract, self._buffer, self.now())))

    def renew_terms(self) -> None:
        """Go on by what is allowed now: time was taken away elsewhere, or the person's own settings changed."""
        if self.contract is not None and self.state.phase is not Phase.STOPPED:
            self.hold_to(self.contract)

    def handle(self, event: Event) -> None:
        """Count up to now and handle an event that needs nothing but itself.

        Raises:
            RefusedError: it cannot be done now; nothing changed.
        """
        self._advance(event)

    def hear(self, event: events.Suspend | events.Lock | events.Unlock) -> None:
        """Count up to now and handle what happened to the machine, which nothing can refuse.

        Where it cannot be committed it stays to be handled before all that comes after it, as of its own moment.

        Raises:
            TrackerError: it could not be committed yet.
        """
        now = self.now()
        self._heard.append((event, now, self._idle.look(now.mono_ms)))  # what comes after it is no sign of before
        self._settle_heard()

    def resume(self, event: events.Discard | events.Keep | events.Assign) -> None:
        """Track on after a pause, with what becomes of the time away.

        Raises:
            RefusedError: there is no pause, or the policy does not allow it; nothing changed.
        """
        self._advance(event)
        self.told = None

    def stop(self) -> None:
        """Stop, with all input up to now counted."""
        self._counter.stop()
        self._advance(events.Stop())

    def set_memo(self, memo: str) -> None:
        """Say what is being done from now on."""
        self._advance(events.SetMemo(memo))

    def tick(self) -> None:
        """Commit the time and input up to now; idleness and suspension are found here."""
        self._advance(None)

    def look(self) -> bool:
        """Note that the machine ran on, without counting or committing; tell whether it slept, so that a tick is due.

        Looked at once a second while tracking or paused, a suspension that no signal announced costs at most a second.
        """
        now = self.now()
        if session.has_slept(self.state, now):
            return True
        if not self._heard:  # else what was worked ends there
            self.state = session.looked(self.state, now)
        return False

    def next_tick_ms(self, now: Moment) -> int | None:
        """Give the milliseconds to the next tick: 5 s after the last, at each minute's end and when idleness is due.

        Ticking at the minute's end keeps each minute's counts apart. None where nothing is to be ticked at.
        """
        idle_ms = session.idle_due_ms(self.state)
        due_ms = [] if idle_ms is None else [idle_ms - now.mono_ms]
        if self.state.counted is not None:
            due_ms += [self.state.counted.mono_ms + TICK_S * 1000 - now.mono_ms, MINUTE_MS - now.utc_ms % MINUTE_MS]
        return min(due_ms, default=None)

    def learn_time(self, reading: Reading, utc_ms: int) -> None:
        """Take in the marketplace's time at a contact; what was recorded provisionally is corrected at once."""
        self._settle_heard()
        timebase, shift_ms = self._timebase.learn(reading, utc_ms)
        state, cut_ms = self.state, self.cut_ms
        with self._buffer.database.transaction():
            if self._timebase.current.is_provisional:
                began_ms = utc_ms - reading.boot_ms
                corrected = self._buffer.journal.shift_provisional(shift_ms, reading.boot_id, began_ms=began_ms)
                timebase = timebase.ahead(corrected.ahead_ms)
                state, cut_ms = session.shifted(state, corrected.moved_ms), cut_ms + corrected.cut_ms
            self._keep(timebase)
        self._timebase, self.state, self.cut_ms = timebase, state, cut_ms

    def counting_problem(self) -> str | None:
        """Say why input is not counted or idleness not noticed, None while they are or need not be."""
        return (self._counter.problem() or self._idle.problem()) if self.is_tracking else None

    def _advance(self, event: Event | None) -> None:
        """Go on to now, and handle the event if there is one."""
        self._settle_heard()
        now = self.now()
        self._advance_to(now, event, self._idle.look(now.mono_ms) if self.state.counted is not None else None)

    def _settle_heard(self) -> None:
        """Handle what was heard and could not be committed, each as of its own moment."""
        while self._heard:
            event, at, idleness = self._heard[0]
            self._advance_to(at, event, idleness)
            del self._heard[0]

    def _advance_to(self, now: Moment, event: Event | None, idleness: Idleness | None) -> None:
        """Count input and time up to a moment, handle the event if there is one, and commit all of it at once."""
        before = self.state
        measured, last_input_ms = None, before.last_input_ms
        if before.counted is not None and before.contract is not None and idleness is not None:
            counts = self._counter.take()
            self._counts, self._moved = _sum(self._counts, counts), self._moved or idleness.moved
            measured = Measured(
                contract=before.contract,
                at_ms=before.counted.utc_ms,
                source=self._counter.source if self._counter.running else ActivitySource.NONE,  # it may have died
                keys=self._counts.keys,
                clicks=self._counts.clicks,
                scrolls=self._counts.scrolls,
                moved=self._moved,
                active_ms=self._counts.active_ms,
            )
            last_input_ms = idleness.last_input_ms
        state, effects = transition(before, events.Tick(last_input_ms), now)
        if event is not None:
            state, more = transition(state, event, now)
            effects += more
        if not any(isinstance(effect, Worked) for effect in effects):
            measured = None
        policy_version = 1 if self.contract is None else self.contract.policy.version
        self._buffer.journal.write(state, effects, measured, now=now, policy_version=policy_version)
        self.state = state
        self.told = next((effect.notice for effect in reversed(effects) if isinstance(effect, Told)), self.told)
        if measured is not None or not self.is_tracking:
            self._counts, self._moved = _NOTHING, False
        if self.is_tracking:
            self._start_counting()
        elif before.counted is not None:
            self._counter.stop()
            self._counter.take()
            self._idle.close()

    def _keep(self, timebase: Timebase) -> None:
        """Keep the timebase for the next run in this boot: what is recorded stands on it."""
        self._buffer.settings.put("timebase", msgspec.json.encode(timebase))

    def _start_counting(self) -> None:
        """Start the counter, or start it again if it died; its own problem() tells the person where it cannot."""
        if not self._counter.running:
            try:
                self._counter.start()
            except InputUnavailableError:
                return


def _kept_timebase(buffer: Buffer) -> Timebase | None:
    kept = buffer.settings.get("timebase")
    return None if kept is None else msgspec.json.decode(kept, type=Timebase)


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(
        keys=one.keys + other.keys,
        clicks=one.clicks + other.clicks,
        scrolls=one.scrolls + other.scrolls,
        active_ms=one.active_ms + other.active_ms,
    )
