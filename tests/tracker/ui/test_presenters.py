import subprocess
import sys
from datetime import UTC
from uuid import UUID

import msgspec
import pytest

from tests.fakes.engine import API, DESIGN, NOW_MS, held, logged_out, paused, stopped, synced, tracking
from tracker.domain.exclusion import Withholding
from tracker.domain.session import PauseReason, Phase
from tracker.status import Status, SyncView
from tracker.ui.presenters import Page, Presenter, TrayShape
from tracker.ui.sync_presenter import FooterButton, FooterTone
from wire.words import SnapshotReason, SnapshotStatus

MINUTE_MS = 60_000
replace = msgspec.structs.replace


@pytest.fixture
def presenter() -> Presenter:
    return Presenter(zone=UTC)


def test_presenters_import_nothing_of_qt() -> None:
    code = "import sys, tracker.ui.presenters; sys.exit(any(name.startswith('PySide6') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_banner_says_what_for_whom_at_what_rate_and_since_when(presenter: Presenter) -> None:
    banner = presenter.banner(tracking(), 0)
    assert (banner.title, banner.subtitle) == ("API integration", "Northwind Ltd · 42.00 USD/h")
    assert banner.clock == "1:23:07"
    assert banner.line == "✓ protected · activity 8 of 10 this segment"
    assert (banner.button, banner.button_name) == ("■ Stop", "Stop tracking API integration")


def test_without_counts_the_banner_says_active_seconds(presenter: Presenter) -> None:
    banner = presenter.banner(tracking(active_s=42), 0)
    assert banner.line == "✓ protected · activity 8 of 10 · active 42 s, no counts here"


def test_running_clocks_go_on_between_two_statuses_and_others_stand(presenter: Presenter) -> None:
    assert presenter.banner(tracking(), 3_999).clock == "1:23:10"
    assert presenter.banner(paused(), 3_999).clock == "1:23:07"
    totals = presenter.window(tracking(), MINUTE_MS).totals
    assert totals is not None
    assert (totals.today, totals.week, totals.week_of) == ("4:28", "21:11", "of 30 h")


def test_unprotected_time_says_why(presenter: Presenter) -> None:
    banner = presenter.banner(tracking(protection_problem="There is no memo."), 0)
    assert banner.line == "⚠ Not protected: There is no memo."
    assert banner.is_warning


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (PauseReason.IDLE, "Paused at 11:14: no input after that. Nothing has been counted since."),
        (PauseReason.SUSPENDED, "Paused at 11:14: the computer was asleep. Nothing has been counted since."),
        (PauseReason.LOCKED, "Paused at 11:14: the screen was locked. Nothing has been counted since."),
        (
            PauseReason.TAKEN_OVER,
            "Paused at 11:14: another device of yours took over. Nothing is counted here since.",
        ),
        (None, "Paused at 11:14. Nothing has been counted since."),
    ],
)
def test_a_pause_says_since_when_and_why(presenter: Presenter, reason: PauseReason | None, line: str) -> None:
    banner = presenter.banner(paused(pause_reason=reason), 0)
    assert banner.line == line
    assert banner.button == "▶ Resume"
    assert banner.contract == API.id


def test_a_contract_that_ended_can_be_stopped_but_not_started(presenter: Presenter) -> None:
    ended = replace(API, can_be_tracked=False)
    assert presenter.banner(tracking(contract=ended), 0).contract == API.id
    assert presenter.banner(stopped(contract=ended), 0).contract is None


def test_the_week_over_its_limit_is_told_and_drawn(presenter: Presenter) -> None:
    totals = presenter.window(stopped(contract=replace(API, week_ms=2000 * MINUTE_MS)), 0).totals
    assert totals is not None
    assert totals.over_text == "▲ 3:20 over the limit: kept and shown, not billed"
    assert totals.filled == pytest.approx(0.9)
    assert totals.over == pytest.approx(0.1)


def test_a_week_without_limit_has_no_bar(presenter: Presenter) -> None:
    totals = presenter.window(stopped(contract=replace(API, weekly_limit_minutes=None)), 0).totals
    assert totals is not None
    assert (totals.has_limit, totals.week_of) == (False, "")


def test_other_contracts_start_or_switch_and_ended_ones_stand_last(presenter: Presenter) -> None:
    ended = replace(DESIGN, id=UUID(int=3), title="Archive", can_be_tracked=False)
    rows = presenter.window(stopped(contracts=(ended, API, DESIGN)), 0).contracts.rows
    assert [row.title for row in rows] == ["Design system", "Archive"]
    assert rows[0].subtitle == "Contoso · 9:40 of 10 h"
    assert rows[0].button == "▶ Start"
    assert not rows[1].can_start
    assert presenter.window(tracking(), 0).contracts.rows[0].button == "⇄ Switch"


def test_an_empty_list_says_what_will_appear(presenter: Presenter) -> None:
    contracts = presenter.window(stopped(contract=None, contracts=()), 0).contracts
    assert "appears here" in contracts.empty


def test_the_first_page_is_the_log_in_until_there_is_something_to_track(presenter: Presenter) -> None:
    assert presenter.window(logged_out(), 0).page is Page.LOG_IN
    assert presenter.window(stopped(), 0).page is Page.WORK
    expired = stopped(sync=synced(is_logged_in=False))
    assert presenter.window(expired, 0).page is Page.WORK


@pytest.mark.parametrize(
    ("sync", "tone", "sentence"),
    [
        (synced(), FooterTone.CALM, "✓ All synced 11:26"),
        (synced(last_contact_ms=None), FooterTone.CALM, "Nothing to send yet"),
        (
            synced(waiting_segments=3, waiting_since_ms=NOW_MS - 6 * MINUTE_MS),
            FooterTone.CALM,
            "↑ 3 segments waiting since 11:20",
        ),
        (synced(waiting_pictures=1), FooterTone.CALM, "↑ 1 picture waiting"),
        (
            synced(waiting_segments=1, due_ms=NOW_MS + 100 * MINUTE_MS),
            FooterTone.CALM,
            "↑ 1 segment waiting · 1 h 40 min left to the lock, 13:06",
        ),
        (
            synced(waiting_segments=1, due_ms=NOW_MS - 100 * MINUTE_MS, is_overdue=True),
            FooterTone.CALM,
            "↑ 1 segment waiting · lock passed 09:46: it goes on a later invoice",
        ),
        (
            synced(
                waiting_segments=19,
                last_contact_ms=NOW_MS - 190 * MINUTE_MS,
                next_try_ms=NOW_MS + 40_000,
                problem="It cannot be reached.",
            ),
            FooterTone.WARNING,
            "Offline for 3 h 10 min: 19 segments safe on this computer · next try in 40 s · It cannot be reached.",
        ),
        (
            synced(last_contact_ms=None, next_try_ms=NOW_MS, problem="It cannot be reached."),
            FooterTone.WARNING,
            "Offline: nothing is waiting · trying now · It cannot be reached.",
        ),
        (
            synced(waiting_pictures=2, problem="It cannot be reached."),
            FooterTone.WARNING,
            "Offline for 20 s: 2 pictures safe on this computer · It cannot be reached.",
        ),
        (
            synced(refused_segments=2),
            FooterTone.PROBLEM,
            "▲ 2 segments refused by the marketplace, kept here · “daybook diary” tells the reason; all others go on",
        ),
        (
            synced(failed_pictures=1, picture_problem="The picture 123 was refused."),
            FooterTone.CALM,
            "✓ All synced 11:26 · The picture 123 was refused.",
        ),
        (
            synced(failed_pictures=2),
            FooterTone.CALM,
            "✓ All synced 11:26 · 2 pictures can never be sent; “daybook diary” tells why",
        ),
        (synced(is_logged_in=False), FooterTone.WARNING, "Not logged in"),
        (
            synced(is_logged_in=False, waiting_segments=1, problem="Log in again."),
            FooterTone.WARNING,
            "Not logged in: 1 segment safe on this computer · Log in again.",
        ),
    ],
)
def test_the_sync_state_in_words(presenter: Presenter, sync: SyncView, tone: FooterTone, sentence: str) -> None:
    footer = presenter.window(stopped(sync=sync), 0).footer
    assert (footer.tone, footer.sentence) == (tone, sentence)
    assert footer.button is (FooterButton.SYNC if sync.is_logged_in else FooterButton.LOG_IN)


def test_a_held_snapshot_counts_down_until_it_can_no_longer_be_changed(presenter: Presenter) -> None:
    status = tracking(snapshot=held(b"picture"))
    state = presenter.snapshot(status, 0)
    assert (state.title, state.detail) == ("Snapshot 11:26", "leaves in 0:42")
    assert (state.can_view, state.can_change) == (True, True)
    assert presenter.snapshot(status, 1_500).detail == "leaves in 0:41"
    late = presenter.snapshot(status, 42_000)
    assert (late.detail, late.can_change) == ("leaves with its segment", False)


@pytest.mark.parametrize(
    ("status", "detail", "can_view"),
    [
        (SnapshotStatus.HELD, "held on this computer", True),
        (SnapshotStatus.SENT, "leaves with its segment", True),
        (SnapshotStatus.BLURRED, "blurred; the sharp picture is destroyed", True),
        (SnapshotStatus.WITHHELD, "withheld: the picture is destroyed, the time stays, unprotected", False),
    ],
)
def test_what_became_of_a_snapshot(presenter: Presenter, status: SnapshotStatus, detail: str, can_view: bool) -> None:
    view = held(b"picture", status=status, leaves_in_ms=None)
    state = presenter.snapshot(tracking(snapshot=view), 0)
    assert (state.detail, state.can_view) == (detail, can_view)
    assert (state.thumbnail is not None) == can_view


@pytest.mark.parametrize("reason", [*SnapshotReason, None])
def test_a_snapshot_without_picture_says_why(presenter: Presenter, reason: SnapshotReason | None) -> None:
    view = held(status=SnapshotStatus.FAILED, reason=reason, leaves_in_ms=None)
    state = presenter.snapshot(tracking(snapshot=view), 0)
    assert state.detail.startswith("no picture: ")
    assert not state.can_view


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (Withholding.PERSON, "withheld: the picture is destroyed"),
        (Withholding.RULE, "withheld by your exclusion rules: no picture was kept"),
        (Withholding.NOT_APPROVED, "withheld, as nobody approved it"),
        (None, "withheld: the picture is destroyed"),
    ],
)
def test_a_withheld_snapshot_says_why(presenter: Presenter, why: Withholding | None, words: str) -> None:
    view = held(status=SnapshotStatus.WITHHELD, withholding=why, leaves_in_ms=None)
    state = presenter.snapshot(tracking(snapshot=view), 0)
    assert state.detail.startswith(words)
    assert not state.is_fresh


def test_approval_is_asked_for_as_long_as_it_helps(presenter: Presenter) -> None:
    status = tracking(snapshot=held(b"picture", needs_approval=True))
    state = presenter.snapshot(status, 1_500)
    assert state.detail == "waits for your approval; without it, it is withheld in 0:41"
    assert (state.needs_approval, state.is_fresh) == (True, True)
    assert not presenter.snapshot(status, 42_000).needs_approval


def test_a_snapshot_without_a_hold_is_new_for_some_seconds(presenter: Presenter) -> None:
    status = tracking(snapshot=held(b"picture", leaves_in_ms=0, taken_ms=NOW_MS))
    assert presenter.snapshot(status, 9_999).is_fresh
    assert not presenter.snapshot(status, 10_000).is_fresh
    assert not presenter.snapshot(status, 0).can_change


def test_before_the_first_snapshot_the_panel_says_what_will_come(presenter: Presenter) -> None:
    assert "appears here" in presenter.snapshot(tracking(), 0).detail


@pytest.mark.parametrize(
    ("status", "shape", "needs_you"),
    [
        (stopped(), TrayShape.STOPPED, False),
        (tracking(), TrayShape.TRACKING, False),
        (tracking(notices=("The input back end died.",)), TrayShape.TRACKING, True),
        (paused(), TrayShape.PAUSED, False),
        (stopped(sync=synced(waiting_segments=2)), TrayShape.WAITING, False),
        (stopped(sync=synced(waiting_segments=2, refused_segments=1)), TrayShape.NEEDS_YOU, True),
        (logged_out(), TrayShape.NEEDS_YOU, True),
    ],
)
def test_the_trays_shape(presenter: Presenter, status: Status, shape: TrayShape, needs_you: bool) -> None:
    state = presenter.tray(status, 0)
    assert (state.shape, state.needs_you) == (shape, needs_you)


def test_the_tray_tells_contract_time_and_totals(presenter: Presenter) -> None:
    state = presenter.tray(tracking(), 2_000)
    assert state.line == "● API integration · 1:23:09"
    assert state.totals == "Today 4:27 · week 21:10 of 30 h"
    assert state.tooltip == "● API integration · 1:23:09\nToday 4:27 · week 21:10 of 30 h\n✓ All synced 11:26"
    assert presenter.tray(stopped(), 0).line == "■ Stopped · API integration"
    assert presenter.tray(logged_out(), 0).line == "■ Nothing tracked"
    assert not presenter.tray(logged_out(), 0).can_toggle


def test_nothing_ticks_where_nothing_moves(presenter: Presenter) -> None:
    assert not presenter.window(stopped(), 0).is_ticking
    assert not presenter.window(paused(), 0).is_ticking
    assert presenter.window(tracking(), 0).is_ticking
    assert presenter.window(stopped(snapshot=held()), 0).is_ticking
    assert presenter.window(stopped(sync=synced(next_try_ms=NOW_MS)), 0).is_ticking


def test_every_sentence_can_be_translated() -> None:
    presenter = Presenter(lambda context, text, count: f"[{context}|{text}|{count}]", UTC)
    assert presenter.banner(stopped(), 0).line == "[Presenter|stopped|-1]"
    footer = presenter.window(stopped(sync=synced(waiting_segments=2)), 0).footer
    assert footer.headline == "[SyncPresenter|↑ %n segment(s) waiting|2]"
    assert Phase.STOPPED is presenter.banner(stopped(), 0).phase
