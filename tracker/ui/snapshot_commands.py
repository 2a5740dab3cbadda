"""What the window and the notice ask of a snapshot: view, blur, withhold, approve."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QDialog, QWidget

from tracker.commands import Answer, ApproveSnapshot, BlurSnapshot, PicturesAnswer, ViewSnapshot, WithholdSnapshot
from tracker.ui.bridge import Bridge


class SnapshotCommands(QObject):
    """Posts the commands, and shows the pictures when they come.

    Args:
        bridge: where commands go.
        window: what the pictures' dialog belongs to while it is visible.
    """

    def __init__(self, bridge: Bridge, window: QWidget) -> None:
        super().__init__(window)
        self._bridge = bridge
        self._window = window
        self.dialog: QDialog | None = None

    @Slot(int)
    def view(self, snapshot: int) -> None:
        """Ask for the full pictures and show them."""
        self._bridge.submit(ViewSnapshot(snapshot), self._show)

    @Slot(int)
    def blur(self, snapshot: int) -> None:
        """Blur it for good."""
        self._bridge.submit(BlurSnapshot(snapshot))

    @Slot(int)
    def withhold(self, snapshot: int) -> None:
        """Destroy its pictures, keep the time."""
        self._bridge.submit(WithholdSnapshot(snapshot))

    @Slot(int)
    def approve(self, snapshot: int) -> None:
        """Let it leave although its windows could not be held to the rules."""
        self._bridge.submit(ApproveSnapshot(snapshot))

    def _show(self, answer: Answer) -> None:
        if not isinstance(answer, PicturesAnswer):
            return
        from tracker.ui.picture_dialog import PictureDialog  # noqa: PLC0415 (the first window does not need it)

        if self.dialog is not None:
            self.dialog.close()
        parent = self._window if self._window.isVisible() else None
        self.dialog = PictureDialog(answer.jpegs, self.tr("Snapshot"), parent)
        self.dialog.destroyed.connect(self._forget)
        self.dialog.show()

    @Slot()
    def _forget(self) -> None:
        self.dialog = None
