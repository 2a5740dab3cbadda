"""What marks did, in words for the person whose time and pictures they took away (PRODUCT.md, "Words")."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from wire.marks import Mark, MarkKind, taken_ms


def what_was_done(kind: MarkKind, time_ms: int) -> str:
    """Say what a mark did."""
    seconds = time_ms // 1000
    time = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    match kind:
        case MarkKind.WITHHELD:
            return "picture withheld"
        case MarkKind.DELETED:
            return f"{time} deleted"
        case MarkKind.TRIMMED:
            return f"{time} trimmed"


def taken_away(marks: Sequence[Mark], titles: Mapping[UUID, str]) -> str | None:
    """Tell of marks that are new, in one notice; None where there are none."""
    if not marks:
        return None
    last = marks[-1]
    start = datetime.fromtimestamp(last.start_s, UTC)
    title = titles.get(last.contract, str(last.contract))
    many = "" if len(marks) == 1 else f"{len(marks)} marks took away time or pictures of yours. The newest: "
    return (
        f"{many}{start:%Y-%m-%d %H:%M} UTC on “{title}”, {what_was_done(last.kind, taken_ms([last]))} by {last.actor} "
        f"(“{last.reason}”). See it with: daybook diary {start:%Y-%m-%d}"
    )
