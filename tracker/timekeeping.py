"""What a person asks of the timer: each request is checked, carried out, and answered with a sentence."""

from tracker import commands
from tracker.commands import Answer, Done
from tracker.domain import events
from tracker.domain.errors import RefusedError
from tracker.domain.events import Declared
from tracker.domain.segment import MEMO_LIMIT
from tracker.domain.session import Phase
from tracker.naming import LAST_CONTRACT, find_contract
from tracker.store.buffer import Buffer
from tracker.sync.record import forget_restoration
from tracker.sync.service import SyncService
from tracker.terms import terms_of
from tracker.timer import Timer
from wire.contract import Contract, ContractStatus


class Timekeeping:
    """Carries out the timer's commands; every method raises RefusedError with the reason where it cannot.

    Args:
        buffer: remembers the last contract.
        timer: counts.
        sync: knows the contracts and whether anybody is logged in.
    """

    def __init__(self, buffer: Buffer, timer: Timer, sync: SyncService) -> None:
        self._buffer = buffer
        self._timer = timer
        self._sync = sync

    def start(self, wanted: str | None, memo: str | None) -> Answer:
        """Start on a contract, or switch to it; a memo that is not given is the contract's last."""
        if self._sync.device is None:
            raise RefusedError("You are not logged in. Log in with: daybook login")
        contract = self._find_contract(wanted)
        if self._timer.is_tracking:
            self._timer.tick()  # what says that it runs may be a tick old: perhaps the machine has slept since
        state = self._timer.state
        if contract.status is not ContractStatus.ACTIVE:
            raise RefusedError(f"The contract “{contract.title}” is {contract.status}; no time can be tracked on it.")
        if self._timer.is_tracking and state.contract == contract.id:
            return Done(f"Already tracking “{contract.title}”.") if memo is None else self.set_memo(memo)
        if memo is None:
            memo = state.memo if state.contract == contract.id else ""
        _check_memo(memo)
        self._buffer.settings.put(LAST_CONTRACT, str(contract.id))  # first: nothing may fail once the timer runs
        self._buffer.forget_report()
        forget_restoration(self._buffer.settings)
        self._buffer.marks.told()
        self._timer.start(contract, memo)
        return Done(f"Tracking “{contract.title}” for {contract.client}.")

    def resume(self, command: commands.Resume) -> Answer:
        """Track on after a pause."""
        if command.assign_to is not None:
            _check_memo(command.memo or "")
            other = self._find_contract(command.assign_to)
            terms = terms_of(other, self._buffer, self._timer.now())
            self._timer.resume(events.Assign(other.id, command.memo or "", terms))
            return Done(f"The time away is manual time on “{other.title}”; the timer runs again.")
        self._timer.resume(events.Keep() if command.keeps else events.Discard())
        kept = "kept as manual time" if command.keeps else "discarded"
        return Done(f"The time away is {kept}; the timer runs again.")

    def declare(self, declared: Declared | None) -> Answer:
        """Declare reading or a meeting, or go back to the timer."""
        self._timer.handle(events.Declare(declared))
        return Done("The timer counts by your input again." if declared is None else f"Declared: {declared}.")

    def stop(self) -> Answer:
        """Stop a timer that runs or is paused."""
        if self._timer.state.phase is Phase.STOPPED or self._timer.contract is None:
            raise RefusedError("No timer is running. Start one with: daybook start")
        self._timer.stop()
        return Done(f"Stopped tracking “{self._timer.contract.title}”.")

    def set_memo(self, memo: str) -> Answer:
        """Say what is being done from now on."""
        _check_memo(memo)
        self._timer.set_memo(memo)
        return Done("The memo is set." if memo else "The memo is empty now.")

    def _find_contract(self, wanted: str | None) -> Contract:
        if wanted is None:
            wanted = self._buffer.settings.get_text(LAST_CONTRACT)
            if wanted is None:
                raise RefusedError("Name the contract to start on; see them with: daybook contracts")
        return find_contract(self._sync.contracts(), wanted)


def _check_memo(memo: str) -> None:
    if len(memo) > MEMO_LIMIT:
        raise RefusedError(f"A memo can have at most {MEMO_LIMIT:,} characters. Shorten it.")
