"""Destroying what marks took away, once nobody may see it any more (PRODUCT.md, "Snapshots and privacy").

What is still to be destroyed is a row, so that no crash and no full disk leaves anything behind: the next time tries it
again.
"""

import structlog
from django.db import transaction

from marketplace.accounts.models import Device
from marketplace.diary import reading
from marketplace.diary.models import Destruction, Revision
from marketplace.diary.pictures import destroy_pictures
from wire import marks
from wire.week import lock_ms, review_end_ms

log = structlog.get_logger(__name__)
_AT_ONCE = 100


def due_ms(mark: marks.Mark) -> int:
    """Give when what a mark took away is to be destroyed: at once, or from the lock on when the review has ended."""
    start_ms = mark.start_s * 1000
    return mark.made_ms if mark.made_ms < lock_ms(start_ms) else max(mark.made_ms, review_end_ms(start_ms))


def carry_out(*, now_ms: int) -> None:
    """Destroy what is due; as much of it as a request may take.

    A disk that refuses is logged and costs the caller nothing: what was hidden stays hidden, and is tried again.
    """
    due = Destruction.objects.filter(due_ms__lte=now_ms).select_related("mark").order_by("due_ms", "pk")
    for one in due[:_AT_ONCE]:
        try:
            _destroy(one)
        except OSError:
            log.exception("not destroyed yet", mark=one.mark_id)


def _destroy(one: Destruction) -> None:
    mark = one.mark
    with transaction.atomic():
        # Locked as for taking in a batch: no revision of the segment may come in between.
        Device.objects.select_for_update().get(pk=mark.device_id)
        named = reading.marks_of(mark.contract, from_s=mark.start_s, until_s=mark.start_s + 1)
        emptied = _emptied(list(reading.revisions_of_segment(mark.contract_id, mark.device_id, mark.start_s)), named)
        Revision.objects.filter(pk__in=emptied).update(content=None, salt=None, worked_ms=0)
        destroy_pictures(mark.contract_id, one.hashes)
        one.delete()
    log.info("destroyed", contract=str(mark.contract_id), pictures=len(one.hashes), contents=len(emptied))


def _emptied(revisions: list[Revision], named: list[marks.Mark]) -> list[int]:
    """Give the revisions that marks left no time of; where the newest is one, the earlier ones go with it."""
    emptied = []
    for row in reversed(revisions):
        segment = reading.read_revision(row)
        is_emptied = bool(segment.intervals) and not marks.less(segment, named).intervals
        if row.content is not None and (is_emptied or revisions[-1].pk in emptied):
            emptied.append(row.pk)
    return emptied
