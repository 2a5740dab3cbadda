"""Where the buffer stands against the marketplace, in words: what waits, since when, the next try, what to do."""

import enum
from dataclasses import dataclass

from tracker.status import SyncView
from tracker.ui.wording import Speaker, span


class FooterTone(enum.Enum):
    """How loudly the footer speaks."""

    CALM = enum.auto()
    WARNING = enum.auto()
    PROBLEM = enum.auto()


class FooterButton(enum.Enum):
    """What the footer offers."""

    SYNC = enum.auto()
    LOG_IN = enum.auto()


@dataclass(frozen=True, slots=True)
class FooterState:
    """The sync sentence, what stands below it ("" for nothing) and the button."""

    tone: FooterTone
    headline: str
    detail: str
    button: FooterButton
    button_text: str

    @property
    def sentence(self) -> str:
        """Headline and detail in one line."""
        return " · ".join(part for part in (self.headline, self.detail) if part)


class SyncPresenter(Speaker):
    """Puts a `SyncView` into words."""

    def footer(self, sync: SyncView, now_ms: int) -> FooterState:
        """Say how the sync stands at `now_ms` (UTC milliseconds)."""
        if not sync.is_logged_in:
            return self._not_logged_in(sync, now_ms)
        details = [
            self._due(sync, now_ms), self._next_try(sync, now_ms), sync.problem or "", self._failed_pictures(sync),
        ]  # fmt: skip
        if sync.refused_segments:
            headline = self.tr("▲ %n segment(s) refused by the marketplace, kept here", sync.refused_segments)
            reason = self.tr("“daybook diary” tells the reason; all others go on")
            return self._state(FooterTone.PROBLEM, headline, [reason, *details])
        if sync.problem:
            return self._state(FooterTone.WARNING, self._offline(sync, now_ms), details)
        if sync.waiting_segments or sync.waiting_pictures:
            return self._state(FooterTone.CALM, self._waiting(sync, now_ms), details)
        if sync.last_contact_ms is None:
            return self._state(FooterTone.CALM, self.tr("Nothing to send yet"), [])
        synced = self.tr("✓ All synced {time}").format(time=self.when(sync.last_contact_ms, now_ms))
        return self._state(FooterTone.CALM, synced, details)

    def _state(self, tone: FooterTone, headline: str, details: list[str]) -> FooterState:
        detail = " · ".join(part for part in details if part)
        return FooterState(tone, headline, detail, FooterButton.SYNC, self.tr("Sync now"))

    def _not_logged_in(self, sync: SyncView, now_ms: int) -> FooterState:
        headline = self.tr("Not logged in")
        if sync.waiting_segments:
            headline = self.tr("Not logged in: {safe}").format(safe=self._safe(sync))
        detail = " · ".join(part for part in (self._due(sync, now_ms), sync.problem) if part)
        return FooterState(FooterTone.WARNING, headline, detail, FooterButton.LOG_IN, self.tr("Log in"))

    def _offline(self, sync: SyncView, now_ms: int) -> str:
        if sync.last_contact_ms is None:
            return self.tr("Offline: {safe}").format(safe=self._safe(sync))
        away = span(now_ms - sync.last_contact_ms)
        return self.tr("Offline for {span}: {safe}").format(span=away, safe=self._safe(sync))

    def _safe(self, sync: SyncView) -> str:
        if sync.waiting_segments:
            return self.tr("%n segment(s) safe on this computer", sync.waiting_segments)
        if sync.waiting_pictures:
            return self.tr("%n picture(s) safe on this computer", sync.waiting_pictures)
        return self.tr("nothing is waiting")

    def _waiting(self, sync: SyncView, now_ms: int) -> str:
        if sync.waiting_segments:
            text = self.tr("↑ %n segment(s) waiting", sync.waiting_segments)
        else:
            text = self.tr("↑ %n picture(s) waiting", sync.waiting_pictures)
        if sync.waiting_since_ms is None:
            return text
        return self.tr("{waiting} since {time}").format(waiting=text, time=self.when(sync.waiting_since_ms, now_ms))

    def _failed_pictures(self, sync: SyncView) -> str:
        if sync.picture_problem or not sync.failed_pictures:
            return sync.picture_problem or ""
        return self.tr("%n picture(s) can never be sent; “daybook diary” tells why", sync.failed_pictures)

    def _due(self, sync: SyncView, now_ms: int) -> str:
        """Say until when what waits must arrive to be on its week's invoice."""
        if sync.due_ms is None:
            return ""
        if sync.due_ms <= now_ms:
            time = self.when(sync.due_ms, now_ms)
            return self.tr("lock passed {time}: it goes on a later invoice").format(time=time)
        return self.tr("{span} left to the lock, {time}").format(
            span=span(sync.due_ms - now_ms), time=self.when(sync.due_ms, now_ms)
        )

    def _next_try(self, sync: SyncView, now_ms: int) -> str:
        if sync.next_try_ms is None:
            return ""
        if sync.next_try_ms <= now_ms:
            return self.tr("trying now")
        return self.tr("next try in {span}").format(span=span(sync.next_try_ms - now_ms))
