"""Plain Python view states computed from a `Status`; widgets only paint them.

A state says what stands on the screen at one moment: the status and the milliseconds since it came. Clocks advance
between two statuses by that second number alone, so nothing here reads a clock.
"""

import enum
from dataclasses import dataclass
from datetime import tzinfo
from uuid import UUID

from tracker.domain.session import PauseReason, Phase
from tracker.status import ContractLine, Status
from tracker.ui.snapshot_presenter import SnapshotPresenter, SnapshotState
from tracker.ui.sync_presenter import FooterState, SyncPresenter
from tracker.ui.wording import MINUTE_MS, Speaker, Translate, amount, clock, english, hours, limit


class Page(enum.Enum):
    """Which page the window shows."""

    OPENING = enum.auto()
    LOG_IN = enum.auto()
    WORK = enum.auto()


@dataclass(frozen=True, slots=True)
class BannerState:
    """The one banner; `contract` is what its button starts, None where nothing can be started from it.

    `activity` is the running segment's meter in tenths, None where there is none to show.
    """

    phase: Phase
    contract: UUID | None
    title: str
    subtitle: str
    clock: str
    line: str
    is_warning: bool
    activity: int | None
    button: str
    button_name: str


@dataclass(frozen=True, slots=True)
class TotalsState:
    """Today, this week and earned; the bar's parts are fractions of its width, `over` being what is over-limit."""

    today: str
    week: str
    week_of: str
    earned: str
    currency: str
    has_limit: bool
    filled: float
    over: float
    over_text: str


@dataclass(frozen=True, slots=True)
class ContractState:
    """A row of the contract list."""

    id: UUID
    title: str
    subtitle: str
    can_start: bool
    button: str
    button_name: str


@dataclass(frozen=True, slots=True)
class ContractListState:
    """The other contracts; `empty` says what will appear where there is none."""

    heading: str
    rows: tuple[ContractState, ...]
    empty: str


@dataclass(frozen=True, slots=True)
class WindowState:
    """Everything that the window shows at one moment; the memo is what the engine has."""

    page: Page
    banner: BannerState
    memo: str
    totals: TotalsState | None
    snapshot: SnapshotState
    contracts: ContractListState
    notices: tuple[str, ...]
    footer: FooterState
    is_ticking: bool


class TrayShape(enum.Enum):
    """The tray's states; each has its own shape (the values name the icons)."""

    STOPPED = "stopped"
    TRACKING = "tracking"
    PAUSED = "paused"
    WAITING = "waiting"
    NEEDS_YOU = "needs-you"


@dataclass(frozen=True, slots=True)
class TrayState:
    """The tray's icon, words and menu lines; `needs_you` adds a badge to a running timer's shape."""

    shape: TrayShape
    needs_you: bool
    tooltip: str
    line: str
    totals: str
    phase: Phase
    button: str
    can_toggle: bool
    contracts: tuple[ContractState, ...]


class Presenter(Speaker):
    """Computes the window's and the tray's states."""

    def __init__(self, translate: Translate = english, zone: tzinfo | None = None) -> None:
        super().__init__(translate, zone)
        self._sync = SyncPresenter(translate, zone)
        self._snapshot = SnapshotPresenter(translate, zone)

    def window(self, status: Status, elapsed_ms: int) -> WindowState:
        """Say what the window shows, `elapsed_ms` after the status came."""
        now_ms = status.now_ms + elapsed_ms
        snapshot = self.snapshot(status, elapsed_ms)
        return WindowState(
            page=Page.WORK if status.sync.is_logged_in or status.contracts or status.contract else Page.LOG_IN,
            banner=self.banner(status, elapsed_ms),
            memo=status.memo,
            totals=self._totals(status, elapsed_ms),
            snapshot=snapshot,
            contracts=self._contracts(status),
            notices=status.notices,
            footer=self._sync.footer(status.sync, now_ms),
            is_ticking=status.phase is Phase.TRACKING
            or snapshot.can_change
            or status.sync.next_try_ms is not None
            or status.sync.problem is not None,
        )

    def banner(self, status: Status, elapsed_ms: int) -> BannerState:
        """Say what is being tracked, for whom, since when, and whether it is protected."""
        contract = status.contract
        if contract is None:
            return BannerState(
                phase=status.phase,
                contract=None,
                title=self.tr("Nothing tracked yet"),
                subtitle=self.tr("Start a contract below: its clock runs here."),
                clock=clock(0),
                line="",
                is_warning=False,
                activity=None,
                button="",
                button_name="",
            )
        is_tracking = status.phase is Phase.TRACKING
        line, is_warning = self._line(status)
        button, button_name = self._toggle(status.phase)
        return BannerState(
            phase=status.phase,
            contract=contract.id if is_tracking or contract.can_be_tracked else None,
            title=contract.title,
            subtitle=f"{contract.client} · {amount(contract.rate_minor, contract.currency)} {contract.currency}/h",
            clock=clock(status.session_ms + (elapsed_ms if is_tracking else 0)),
            line=line,
            is_warning=is_warning,
            activity=status.activity_tenths if is_tracking else None,
            button=button,
            button_name=button_name.format(contract=contract.title),
        )

    def snapshot(self, status: Status, elapsed_ms: int) -> SnapshotState:
        """Say what became of the last snapshot, and how long it can still be changed."""
        return self._snapshot.snapshot(status.snapshot, status.now_ms + elapsed_ms, elapsed_ms)

    def tray(self, status: Status, elapsed_ms: int) -> TrayState:
        """Say what the tray shows."""
        banner = self.banner(status, elapsed_ms)
        footer = self._sync.footer(status.sync, status.now_ms + elapsed_ms)
        mark = {Phase.TRACKING: "●", Phase.PAUSED: "❚❚", Phase.STOPPED: "■"}[status.phase]
        if status.contract is None:
            line = self.tr("■ Nothing tracked")
        elif status.phase is Phase.STOPPED:
            line = self.tr("■ Stopped · {contract}").format(contract=banner.title)
        else:
            line = f"{mark} {banner.title} · {banner.clock}"
        totals = self._totals(status, elapsed_ms)
        totals_line = ""
        if totals is not None:
            week = self.tr("Today {today} · week {week}").format(today=totals.today, week=totals.week)
            totals_line = f"{week} {totals.week_of}".strip()
        needs_you = not status.sync.is_logged_in or bool(status.sync.refused_segments or status.notices)
        said = [line, totals_line, banner.line if banner.is_warning else "", footer.headline, *status.notices]
        return TrayState(
            shape=self._shape(status, needs_you=needs_you),
            needs_you=needs_you,
            tooltip="\n".join(text for text in said if text),
            line=line,
            totals=totals_line,
            phase=status.phase,
            button=banner.button or self.tr("▶ Start"),
            can_toggle=banner.contract is not None,
            contracts=self._contracts(status).rows,
        )

    def _shape(self, status: Status, *, needs_you: bool) -> TrayShape:
        match status.phase:
            case Phase.TRACKING:
                return TrayShape.TRACKING
            case Phase.PAUSED:
                return TrayShape.PAUSED
            case Phase.STOPPED:
                if needs_you:
                    return TrayShape.NEEDS_YOU
                return TrayShape.WAITING if status.sync.waiting_segments else TrayShape.STOPPED

    def _toggle(self, phase: Phase) -> tuple[str, str]:
        match phase:
            case Phase.TRACKING:
                return self.tr("■ Stop"), self.tr("Stop tracking {contract}")
            case Phase.PAUSED:
                return self.tr("▶ Resume"), self.tr("Resume tracking {contract}")
            case Phase.STOPPED:
                return self.tr("▶ Start"), self.tr("Start tracking {contract}")

    def _line(self, status: Status) -> tuple[str, bool]:
        match status.phase:
            case Phase.STOPPED:
                return self.tr("stopped"), False
            case Phase.PAUSED:
                return self._paused(status), True
            case Phase.TRACKING if status.protection_problem:
                return self.tr("⚠ Not protected: {reason}").format(reason=status.protection_problem), True
            case Phase.TRACKING if status.activity_tenths is None:
                return self.tr("✓ protected"), False
            case Phase.TRACKING if status.active_s is not None:
                activity = self.tr("✓ protected · activity {tenths} of 10 · active {seconds} s, no counts here")
                return activity.format(tenths=status.activity_tenths, seconds=status.active_s), False
            case Phase.TRACKING:
                activity = self.tr("✓ protected · activity {tenths} of 10 this segment")
                return activity.format(tenths=status.activity_tenths), False

    def _paused(self, status: Status) -> str:
        since_ms = status.now_ms if status.paused_since_ms is None else status.paused_since_ms
        time = self.when(since_ms, status.now_ms)
        match status.pause_reason:
            case PauseReason.IDLE:
                text = self.tr("Paused at {time}: no input after that. Nothing has been counted since.")
            case PauseReason.SUSPENDED:
                text = self.tr("Paused at {time}: the computer was asleep. Nothing has been counted since.")
            case PauseReason.LOCKED:
                text = self.tr("Paused at {time}: the screen was locked. Nothing has been counted since.")
            case PauseReason.TAKEN_OVER:
                text = self.tr("Paused at {time}: another device of yours took over. Nothing is counted here since.")
            case None:
                text = self.tr("Paused at {time}. Nothing has been counted since.")
        return text.format(time=time)

    def _totals(self, status: Status, elapsed_ms: int) -> TotalsState | None:
        contract = status.contract
        if contract is None:
            return None
        running_ms = elapsed_ms if status.phase is Phase.TRACKING else 0
        week_ms = contract.week_ms + running_ms
        limit_minutes = contract.weekly_limit_minutes
        filled = over = 0.0
        over_text = ""
        if limit_minutes is not None:
            limit_ms = limit_minutes * MINUTE_MS
            whole_ms = max(week_ms, limit_ms, 1)
            filled, over = min(week_ms, limit_ms) / whole_ms, max(0, week_ms - limit_ms) / whole_ms
            if week_ms >= limit_ms + MINUTE_MS:
                over_text = self.tr("▲ {time} over the limit: kept and shown, not billed").format(
                    time=hours(week_ms - limit_ms)
                )
        return TotalsState(
            today=hours(contract.today_ms + running_ms),
            week=hours(week_ms),
            week_of="" if limit_minutes is None else self.tr("of {limit}").format(limit=limit(limit_minutes)),
            earned=amount(contract.earned_minor, contract.currency),
            currency=contract.currency,
            has_limit=limit_minutes is not None,
            filled=filled,
            over=over,
            over_text=over_text,
        )

    def _contracts(self, status: Status) -> ContractListState:
        shown = status.contract.id if status.contract else None
        others = [line for line in status.contracts if line.id != shown]
        rows = [self._row(line, status.phase) for line in others if line.can_be_tracked]
        rows += [self._row(line, status.phase) for line in others if not line.can_be_tracked]
        empty = ""
        if not status.contracts and shown is None:
            empty = self.tr("No contracts yet. An hourly contract agreed with a client appears here by itself.")
        heading = self.tr("Other contracts") if shown is not None else self.tr("Contracts")
        return ContractListState(heading, tuple(rows), empty)

    def _row(self, line: ContractLine, phase: Phase) -> ContractState:
        if phase is Phase.STOPPED:
            button, name = self.tr("▶ Start"), self.tr("Start tracking {contract}")
        else:
            button, name = self.tr("⇄ Switch"), self.tr("Switch to {contract}")
        worked = hours(line.week_ms)
        if line.weekly_limit_minutes is not None:
            worked = self.tr("{worked} of {limit}").format(worked=worked, limit=limit(line.weekly_limit_minutes))
        else:
            worked = self.tr("{worked} this week").format(worked=worked)
        if not line.can_be_tracked:
            worked = self.tr("paused or ended, cannot be tracked")
        return ContractState(
            id=line.id,
            title=line.title,
            subtitle=f"{line.client} · {worked}",
            can_start=line.can_be_tracked,
            button=button,
            button_name=name.format(contract=line.title),
        )
