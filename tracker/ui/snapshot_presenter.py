"""The last snapshot in words: when it was taken, what became of it, how long it can still be changed."""

from dataclasses import dataclass

from tracker.domain.exclusion import Withholding
from tracker.status import SnapshotView
from tracker.ui.wording import Speaker, countdown
from wire.words import SnapshotReason, SnapshotStatus

_NEW_MS = 10_000  # for so long a snapshot without a hold is told


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """A snapshot's panel; `snapshot` is None before the first one.

    `is_fresh`: its hold runs or it was just taken, so a notice tells of it. `can_change`: its hold still runs.
    """

    snapshot: int | None
    title: str
    detail: str
    thumbnail: bytes | None
    placeholder: str
    can_view: bool
    can_change: bool
    is_held: bool
    needs_approval: bool = False
    is_fresh: bool = False


class SnapshotPresenter(Speaker):
    """Puts a `SnapshotView` into words."""

    def snapshot(self, view: SnapshotView | None, now_ms: int, elapsed_ms: int) -> SnapshotState:
        """Say how the snapshot stands, `elapsed_ms` after the status that told of it."""
        if view is None:
            return SnapshotState(
                snapshot=None,
                title=self.tr("No snapshot yet"),
                detail=self.tr(
                    "Once you track, the last one appears here, to view, blur or withhold before it leaves."
                ),
                thumbnail=None,
                placeholder="",
                can_view=False,
                can_change=False,
                is_held=False,
            )
        left_ms = None if view.leaves_in_ms is None else view.leaves_in_ms - elapsed_ms
        is_held = view.status is SnapshotStatus.HELD
        # What the policy blurs is held like any other, and can be withheld.
        can_change = is_held if left_ms is None else left_ms > 0
        has_picture = view.status in (SnapshotStatus.HELD, SnapshotStatus.SENT, SnapshotStatus.BLURRED)
        return SnapshotState(
            snapshot=view.id,
            title=self.tr("Snapshot {time}").format(time=self.when(view.taken_ms, now_ms)),
            detail=self._detail(view, left_ms),
            thumbnail=view.thumbnail if has_picture else None,
            placeholder=self._placeholder(view.status),
            can_view=has_picture,
            can_change=can_change,
            is_held=is_held,
            needs_approval=view.needs_approval and can_change,
            is_fresh=has_picture and (can_change or (left_ms is not None and now_ms - view.taken_ms < _NEW_MS)),
        )

    def _detail(self, view: SnapshotView, left_ms: int | None) -> str:
        if view.needs_approval and left_ms is not None and left_ms > 0:
            return self.tr("waits for your approval; without it, it is withheld in {time}").format(
                time=countdown(left_ms)
            )
        match view.status:
            case SnapshotStatus.HELD:
                return self._hold(left_ms)
            case SnapshotStatus.SENT:
                return self.tr("leaves with its segment")
            case SnapshotStatus.BLURRED:
                return self.tr("blurred; the sharp picture is destroyed")
            case SnapshotStatus.WITHHELD:
                return self._withheld(view.withholding)
            case SnapshotStatus.FAILED:
                return self._failure(view.reason)

    def _hold(self, left_ms: int | None) -> str:
        if left_ms is None:
            return self.tr("held on this computer")
        if left_ms <= 0:
            return self.tr("leaves with its segment")
        return self.tr("leaves in {time}").format(time=countdown(left_ms))

    def _withheld(self, why: Withholding | None) -> str:
        match why:
            case Withholding.RULE:
                return self.tr("withheld by your exclusion rules: no picture was kept, the time stays, unprotected")
            case Withholding.NOT_APPROVED:
                return self.tr("withheld, as nobody approved it: the picture is destroyed, the time stays, unprotected")
            case Withholding.PERSON | None:
                return self.tr("withheld: the picture is destroyed, the time stays, unprotected")

    def _failure(self, reason: SnapshotReason | None) -> str:
        match reason:
            case SnapshotReason.OUTSIDE_TRACKED_TIME:
                return self.tr("no picture: its moment fell outside tracked time")
            case SnapshotReason.SCREEN_LOCKED:
                return self.tr("no picture: the screen was locked")
            case SnapshotReason.BLANK:
                return self.tr("no picture: the screen came back empty. “daybook doctor” says what to mend")
            case SnapshotReason.LOST:
                return self.tr("no picture: it was lost before it was saved")
            case SnapshotReason.UNAVAILABLE | None:
                return self.tr("no picture: this desktop gave none. “daybook doctor” says what to mend")

    def _placeholder(self, status: SnapshotStatus) -> str:
        match status:
            case SnapshotStatus.WITHHELD:
                return self.tr("withheld")
            case SnapshotStatus.FAILED:
                return self.tr("no picture")
            case SnapshotStatus.HELD | SnapshotStatus.SENT | SnapshotStatus.BLURRED:
                return self.tr("picture kept safe")
