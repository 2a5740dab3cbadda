"""Whether the screen is locked, of sources that disagree, keep silent and vanish."""

from hypothesis import given
from hypothesis import strategies as st

from tracker.capture.power.lock import LockState
from tracker.capture.power.port import PowerEvent

LOCKED, UNLOCKED = PowerEvent.LOCKED, PowerEvent.UNLOCKED


def test_nothing_is_known_at_first() -> None:
    assert LockState().is_locked is None


def test_the_last_source_to_unlock_tells() -> None:
    state = LockState()
    said = [
        state.learn("a", locked=True),
        state.learn("b", locked=True),
        state.learn("a", locked=False),
        state.learn("b", locked=False),
    ]

    assert said == [LOCKED, None, None, UNLOCKED]
    assert state.is_locked is False


def test_a_source_that_says_the_same_again_tells_nothing() -> None:
    state = LockState()

    assert [state.learn("a", locked=True) for _ in range(3)] == [LOCKED, None, None]


def test_a_mute_sources_unlocked_means_nothing_until_it_has_said_locked() -> None:
    state = LockState()
    state.learn("hint", locked=False, may_be_mute=True)
    assert state.is_locked is None
    state.learn("hint", locked=True, may_be_mute=True)
    state.learn("hint", locked=False, may_be_mute=True)

    assert state.is_locked is False


def test_a_request_that_nothing_confirms_is_told_and_is_not_known() -> None:
    state = LockState()
    state.learn("saver", locked=False)

    assert state.request(lock=True) is LOCKED
    assert state.is_locked is None
    assert state.learn("saver", locked=False) is None, "the locker needs its time"
    assert state.learn("saver", locked=True) is LOCKED, "the person may have started the timer again meanwhile"
    assert state.learn("saver", locked=False) is UNLOCKED


def test_a_request_to_lock_what_is_locked_tells_nothing() -> None:
    state = LockState()
    state.learn("a", locked=True)

    assert state.request(lock=True) is None
    assert state.request(lock=False) is None
    assert state.is_locked


def test_a_source_that_vanished_while_locked_leaves_it_open_until_another_speaks() -> None:
    state = LockState()
    state.learn("a", locked=True)
    state.forget("a")
    assert state.is_locked is None

    assert state.learn("a", locked=False) is UNLOCKED
    assert state.is_locked is False


_steps = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["lock", "unlock", "vanish", "request", "unrequest"])),
    max_size=40,
)


@given(_steps)
def test_locked_is_what_any_source_says_and_no_unlocking_is_told_meanwhile(steps: list[tuple[str, str]]) -> None:
    state, said = LockState(), dict[str, bool]()
    told = None
    for source, step in steps:
        match step:
            case "lock" | "unlock":
                said[source] = step == "lock"
                event = state.learn(source, locked=said[source])
            case "vanish":
                said.pop(source, None)
                state.forget(source)
                event = None
            case _:
                event = state.request(lock=step == "request")
        told = event or told
        locked = any(said.values())
        assert (state.is_locked is True) == locked
        assert not (event is UNLOCKED and locked)
        if locked:
            assert told is LOCKED
        if state.is_locked is False:
            assert told is not LOCKED
