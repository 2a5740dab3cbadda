"""The command line's answers as text for people."""

from datetime import UTC, datetime

from tracker.commands import (
    ContractsAnswer,
    DiaryAnswer,
    DiarySegment,
    ExclusionsAnswer,
    PreferencesAnswer,
    SyncAnswer,
    Total,
)
from tracker.doctor import Report
from tracker.domain.exclusion import Subject
from tracker.domain.session import Phase
from tracker.marks import what_was_done
from tracker.status import ContractLine, Status, SyncView
from wire.money import decimal


def plain(text: str) -> str:
    """Replace what a terminal would obey rather than show; titles and memos are other people's words."""
    return "".join(sign if sign == "\n" or sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def status_text(status: Status, *, is_running: bool) -> str:
    """Say what is tracked and what waits."""
    lines = [_phase_line(status) if is_running else "Daybook is not running. Start it with: daybook run"]
    if status.contract is not None:
        lines.append(f"Today {_hours(status.contract.today_ms)}, this week {_week(status.contract)}")
    sync = status.sync
    if not sync.is_logged_in:
        lines.append("Not logged in. Log in with: daybook login")
    if sync.waiting_segments or sync.waiting_pictures:
        since = "" if sync.waiting_since_ms is None else f" since {_instant(sync.waiting_since_ms, status.now_ms)}"
        lines.append(f"Waiting{since}: {_count(sync.waiting_segments, 'segment')}, "
                     f"{_count(sync.waiting_pictures, 'picture')}")  # fmt: skip
        if sync.due_ms is not None:
            lines.append(_due(sync.due_ms, status.now_ms, is_overdue=sync.is_overdue))
    elif sync.is_logged_in:
        lines.append("All synced.")
    if sync.refused_segments:
        lines.append(f"The marketplace refused {_count(sync.refused_segments, 'segment')}: see daybook diary")
    lines += _failed(sync)
    if sync.problem:
        next_try = "" if sync.next_try_ms is None else f" Next try {_instant(sync.next_try_ms, status.now_ms)}."
        lines.append(f"{sync.problem}{next_try}")
    held = status.snapshot
    if held is not None and held.needs_approval and held.leaves_in_ms is not None:
        until = _instant(status.now_ms + held.leaves_in_ms, status.now_ms)
        lines.append(
            f"A snapshot of {_instant(held.taken_ms, status.now_ms)} is withheld at {until} unless you approve it: "
            f"daybook approve {held.id}"
        )
    return "\n".join([*lines, *status.notices])


def contracts_text(answer: ContractsAnswer) -> str:
    """List the contracts."""
    lines = [
        f"{line.title}  ({line.client}, {_rate(line)})  this week {_week(line)}"
        + ("" if line.can_be_tracked else "  — not active")
        for line in answer.contracts
    ]
    lines = lines or ["You have no contracts yet. They appear here once a client's offer is accepted."]
    return "\n".join([*lines, *([answer.problem] if answer.problem else [])])


def diary_text(answer: DiaryAnswer) -> str:
    """Show a day's segments."""
    if not answer.segments and not answer.marks:
        lines = [f"{answer.day} (UTC): nothing recorded."]
    else:
        lines = [f"{answer.day} (UTC): {_hours(answer.worked_ms)} worked"]
    for total in answer.totals:
        lines += [f"{total.contract_title}: {_total(total.day)}", f"  its week: {_total(total.week)}"]
    for one in answer.segments:
        memo = _memo(one.segment.intervals[-1].memo) if one.segment.intervals else "no time left"
        meter = "–" if one.segment.activity_tenths is None else one.segment.activity_tenths
        active = "" if one.segment.active_s is None else f", active {one.segment.active_s} s, no counts"
        lines.append(
            f"{_instant(one.start_ms, one.start_ms)}  {_hours(one.worked_ms)}  {one.contract_title}: {memo}"
            f"  activity {meter}/10{active}  {one.sync_state}{'' if one.detail is None else f': {one.detail}'}"
        )
        lines += _protection_lines(one)
    lines += [
        f"{_instant(mark.start_ms, mark.start_ms)}  {mark.contract_title}: {what_was_done(mark.kind, mark.taken_ms)} by"
        f" {mark.actor} at {_instant(mark.made_ms, mark.start_ms)}: {mark.reason}"
        for mark in answer.marks
    ]
    if answer.pending is not None:
        lines.append(f"Not carried out yet: {answer.pending.sentence} Take it back with: daybook undo")
    return "\n".join(lines)


def preferences_text(answer: PreferencesAnswer) -> str:
    """List the person's settings."""
    return "\n".join(f"{one.name}  {'on' if one.is_on else 'off'}  {one.help}" for one in answer.preferences)


def sync_text(answer: SyncAnswer) -> str:
    """Say what was sent and what is left."""
    lines = [f"Sent {_count(answer.sent_segments, 'segment')} and {_count(answer.sent_pictures, 'picture')}."]
    if answer.waiting_segments or answer.waiting_pictures:
        left = f"{_count(answer.waiting_segments, 'segment')} and {_count(answer.waiting_pictures, 'picture')}"
        lines.append(f"Still waiting: {left}.")
    if answer.refused_segments:
        lines.append(f"The marketplace refused {_count(answer.refused_segments, 'segment')}: see daybook diary")
    lines += _failed(answer)
    return "\n".join([*lines, *([answer.problem] if answer.problem else [])])


def _failed(sync: SyncView | SyncAnswer) -> list[str]:
    """Say what will never arrive, and why the last of it, once."""
    count = [f"{_count(sync.failed_pictures, 'picture')} can never be sent: see daybook diary"]
    return [*(count if sync.failed_pictures else ()), *([sync.picture_problem] if sync.picture_problem else ())]


def exclusions_text(answer: ExclusionsAnswer) -> str:
    """List the rules, and what the applications on the screen are called."""
    lines = [
        f"application {rule.text}" if rule.subject is Subject.APPLICATION else f"title with {rule.text}"
        for rule in answer.rules
    ] or ["Nothing is excluded. Exclude an application with: daybook exclude add --application NAME"]
    if answer.applications is None:
        lines.append(
            "This desktop does not tell which windows can be seen: while you have rules, every snapshot waits for your "
            "approval in its hold and is withheld without it."
        )
    elif answer.applications:
        lines.append(f"On the screen now: {', '.join(answer.applications)}")
    return "\n".join(lines)


def doctor_text(report: Report) -> str:
    """Say of each part whether it works and what to mend."""
    lines = []
    for finding in report.findings:
        lines.append(f"{'✓' if finding.works else '✗'} {finding.port} ({finding.back_end}): {finding.sentence}")
        if finding.remedy:
            lines.append(f"  → {finding.remedy}")
    return "\n".join(lines)


def _phase_line(status: Status) -> str:
    title = "" if status.contract is None else f" on “{status.contract.title}”"
    match status.phase:
        case Phase.TRACKING:
            problem = status.protection_problem
            protection = "Protected." if problem is None else f"Not protected: {problem}"
            return f"Tracking{title} for {_hours(status.session_ms)}: {_memo(status.memo)}. {protection}"
        case Phase.PAUSED:
            since_ms = status.paused_since_ms
            since = "" if since_ms is None else f" since {_instant(since_ms, status.now_ms)}"
            return f"Paused{title}{since} ({status.pause_reason}); nothing is counted. Resume with: daybook resume"
        case Phase.STOPPED:
            return "Stopped."


def _total(total: Total) -> str:
    minutes = _hours(total.billable_minutes * 60_000).removesuffix(":00")
    text = f"{_hours(total.worked_ms)} worked, {minutes} billable"
    return text if total.reason is None else f"{text}; {_hours(total.over_limit_ms)} not: {total.reason}"


def _protection_lines(segment: DiarySegment) -> list[str]:
    """Say of each interval that is not protected why; what is refused was said with the segment."""
    if segment.sync_state == "rejected":
        return []
    return [
        f"    {_clock(one.start_ms)}–{_clock(one.end_ms)} not protected: {' '.join(one.unprotected)}"
        for one in segment.intervals
        if one.unprotected
    ]


def _due(due_ms: int, now_ms: int, *, is_overdue: bool) -> str:
    if is_overdue:
        return (
            f"The lock of {_instant(due_ms, now_ms)} has passed: what still waits from before goes on a later invoice."
        )
    return f"It must arrive before the lock, {_instant(due_ms, now_ms)}: {_left(due_ms - now_ms)} left."


def _left(ms: int) -> str:
    hours, minutes = divmod(ms // 60_000, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def _clock(utc_ms: int) -> str:
    return f"{datetime.fromtimestamp(utc_ms / 1000, UTC):%H:%M:%S}"


def _memo(memo: str) -> str:
    """Give a memo in one line."""
    return " ".join(memo.split()) or "no memo"


def _week(line: ContractLine) -> str:
    limit = "" if line.weekly_limit_minutes is None else f" of {_hours(line.weekly_limit_minutes * 60_000)}"
    return f"{_hours(line.week_ms)}{limit}"


def _rate(line: ContractLine) -> str:
    return f"{decimal(line.rate_minor, line.currency)} {line.currency}/h"


def _hours(ms: int) -> str:
    seconds = ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _instant(utc_ms: int, now_ms: int) -> str:
    """Tell an instant by its time, and by its day as well if that is not today."""
    instant, now = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (utc_ms, now_ms))
    return f"{instant:%H:%M} UTC" if instant.date() == now.date() else f"{instant:%Y-%m-%d %H:%M} UTC"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
