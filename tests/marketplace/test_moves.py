"""Joined links: time moved between contracts is taken whole or refused whole."""

import msgspec
import pytest

from marketplace.contracts.models import Contract
from marketplace.diary import services
from marketplace.diary.models import Link, Revision
from marketplace.diary.reading import newest_revisions
from tests.marketplace.conftest import Recorder, interval, past_start_s
from wire import diary, sync
from wire.words import Kind, RevisionReason

HALF_MS = 300_000


class Move:
    """A segment of one contract, and the pair that moves its second half to another."""

    def __init__(self, recorder: Recorder, source: Contract, target: Contract) -> None:
        self.recorded = recorder.segment(source)
        self.left = msgspec.structs.replace(
            self.recorded, revision=2, reason=RevisionReason.MOVED, intervals=(interval(0, HALF_MS),)
        )
        self.arrived = recorder.segment(
            target, reason=RevisionReason.MOVED, intervals=(interval(HALF_MS, 600_000, kind=Kind.MANUAL),)
        )


@pytest.fixture
def move(recorder: Recorder, contract: Contract, second_contract: Contract) -> Move:
    return Move(recorder, contract, second_contract)


def codes(outcomes: tuple[sync.Outcome, ...]) -> list[str]:
    return [one.code if isinstance(one, sync.Rejected) else type(one).__name__.lower() for one in outcomes]


def worked() -> dict[str, int]:
    return {one.contract.title: one.worked_ms for one in newest_revisions().select_related("contract")}


def test_a_move_is_taken_whole(recorder: Recorder, move: Move) -> None:
    """The target would overlap the source as it stood before; what counts is the source's new revision."""
    recorder.seal(move.recorded)
    assert codes(recorder.outcomes()) == ["accepted"]
    recorder.seal(move.left)
    recorder.seal(move.arrived, is_joined=True)
    assert codes(recorder.outcomes(1)) == ["accepted", "accepted"]
    assert worked() == {"API integration": HALF_MS, "Design system": HALF_MS}
    assert codes(recorder.outcomes()) == ["duplicate"] * 3


def test_a_move_is_taken_in_the_batch_that_records_it(recorder: Recorder, move: Move) -> None:
    recorder.seal(move.recorded)
    recorder.seal(move.left)
    recorder.seal(move.arrived, is_joined=True)
    assert codes(recorder.outcomes()) == ["accepted"] * 3
    assert worked() == {"API integration": HALF_MS, "Design system": HALF_MS}


def _bad_target(move: Move) -> diary.Segment:
    return msgspec.structs.replace(move.arrived, policy_version=9)


def test_a_move_whose_target_is_refused_leaves_the_source_as_it_stood(recorder: Recorder, move: Move) -> None:
    recorder.seal(move.recorded)
    recorder.seal(move.left)
    recorder.seal(_bad_target(move), is_joined=True)
    outcomes = recorder.outcomes()
    assert codes(outcomes) == ["accepted", "move_refused", "unknown_policy"]
    assert isinstance(outcomes[1], sync.Rejected)
    assert "taken whole or not at all" in outcomes[1].sentence
    assert worked() == {"API integration": 600_000}
    assert codes(recorder.outcomes()) == ["duplicate", "move_refused", "unknown_policy"]


def test_a_move_whose_source_is_refused_brings_nothing_to_the_target(recorder: Recorder, move: Move) -> None:
    recorder.seal(move.recorded)
    recorder.seal(msgspec.structs.replace(move.left, policy_version=9))
    recorder.seal(move.arrived, is_joined=True)
    assert codes(recorder.outcomes()) == ["accepted", "unknown_policy", "move_refused"]
    assert worked() == {"API integration": 600_000}


def test_the_same_links_without_the_joint_would_lose_the_moved_time(recorder: Recorder, move: Move) -> None:
    """The negative control: judged each alone, the source gives its time away and the target never gets it."""
    recorder.seal(move.recorded)
    recorder.seal(move.left)
    recorder.seal(_bad_target(move))
    assert codes(recorder.outcomes()) == ["accepted", "accepted", "unknown_policy"]
    assert worked() == {"API integration": HALF_MS}


def test_what_a_refused_move_would_have_freed_stays_taken(recorder: Recorder, move: Move) -> None:
    """A later content is judged against what stands, never against a revision that was refused with its pair."""
    recorder.seal(move.recorded)
    recorder.seal(move.left)
    recorder.seal(_bad_target(move), is_joined=True)
    recorder.seal(move.arrived)
    assert codes(recorder.outcomes()) == ["accepted", "move_refused", "unknown_policy", "overlap"]


def test_a_refused_move_holds_the_links_after_it_back_from_nothing(
    recorder: Recorder, move: Move, contract: Contract
) -> None:
    recorder.seal(move.recorded)
    recorder.seal(move.left)
    recorder.seal(_bad_target(move), is_joined=True)
    recorder.seal(recorder.segment(contract, past_start_s(5)))
    assert codes(recorder.outcomes()) == ["accepted", "move_refused", "unknown_policy", "accepted"]
    assert Link.objects.count() == 4


@pytest.mark.parametrize("bare", ["source", "target"])
def test_a_half_whose_content_was_deleted_leaves_the_other_to_be_judged(
    recorder: Recorder, move: Move, bare: str
) -> None:
    recorder.seal(move.recorded)
    recorder.seal(None if bare == "source" else move.left)
    recorder.seal(None if bare == "target" else move.arrived, is_joined=True)
    expected = {"source": ["accepted", "accepted", "overlap"], "target": ["accepted"] * 3}
    assert codes(recorder.outcomes()) == expected[bare]


def test_a_pair_that_is_parted_is_judged_by_what_became_of_its_first_half(recorder: Recorder, move: Move) -> None:
    """No tracker parts one; where it happens, the second half is never taken without the first."""
    recorder.seal(move.recorded)
    recorder.seal(msgspec.structs.replace(move.left, policy_version=9))
    recorder.seal(msgspec.structs.replace(move.arrived, intervals=()), is_joined=True)
    assert codes(recorder.outcomes(0, 2)) == ["accepted", "unknown_policy"]
    assert codes(recorder.outcomes(2)) == ["move_refused"]
    assert Revision.objects.count() == 1


def test_a_joint_at_the_chains_beginning_has_nothing_to_be_joined_to(recorder: Recorder, move: Move) -> None:
    recorder.seal(move.recorded, is_joined=True)
    assert codes(recorder.outcomes()) == ["accepted"]


def test_a_fault_in_the_second_half_stores_neither(
    recorder: Recorder, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.seal(move.recorded)
    recorder.outcomes()
    recorder.seal(move.left)
    recorder.seal(move.arrived, is_joined=True)
    accept = services._Judging._accept

    def fail_second(self: services._Judging, link: Link, *rest: object) -> None:
        if link.index == 2:
            raise ZeroDivisionError
        accept(self, link, *rest)  # type: ignore[arg-type]  # handed on as they came

    with monkeypatch.context() as context:
        context.setattr(services._Judging, "_accept", fail_second)
        assert recorder.send(1).status_code == 500
    assert worked() == {"API integration": 600_000}
    assert Link.objects.count() == 1
