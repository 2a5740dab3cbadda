"""Editing what is recorded: each edit is checked, kept for ten seconds in which it can be taken back, and carried out.

Carrying out is one transaction (PRODUCT.md, "The billing week" and "Snapshots and privacy"): what is sealed gets its
next revision, what is not is edited where it lies.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from msgspec import structs

from tracker import commands
from tracker.commands import Answer, DiaryAnswer, Done, EditCommand, PendingEdit
from tracker.domain import editing
from tracker.domain.clock import Moment
from tracker.domain.editing import Add, Describe, Edit, Gaining, Move, Remove, Withhold, instant_text
from tracker.domain.errors import RefusedError
from tracker.domain.segment import Interval, segment_start_ms, whole_characters
from tracker.domain.session import State
from tracker.naming import LAST_CONTRACT, find_contract
from tracker.preview import preview
from tracker.revising import begun, enlarged, intervals_of, revised, with_pictures, withholds
from tracker.store.buffer import Buffer
from tracker.store.outbox import Revision
from tracker.sync.sealer import sealing_of, snapshot_of
from tracker.sync.service import SyncService
from wire import canonical, diary
from wire.contract import Contract, ContractStatus
from wire.diary import Segment
from wire.marks import less
from wire.words import RevisionReason, SnapshotReason

_TROUBLE: Final = "edit_trouble"


class Editing:
    """Takes edits in, and carries them out.

    Args:
        buffer: what is edited.
        sync: knows the contracts and this device.
    """

    def __init__(self, buffer: Buffer, sync: SyncService) -> None:
        self._buffer = buffer
        self._sync = sync

    @property
    def trouble(self) -> str | None:
        """Say why the last edit could not be carried out, until the next is asked for."""
        return self._buffer.settings.get_text(_TROUBLE)

    def ask(self, command: EditCommand, state: State, now: Moment) -> Answer:
        """Check an edit and keep it to be carried out; one that was kept before is carried out first.

        Raises:
            RefusedError: it may not be made, or not now; nothing changed.
        """
        edit = self._edit_of(command)
        self._check(edit, state, now, now.utc_ms)
        if self.carry_out(state, now):
            self._check(edit, state, now, now.utc_ms)
        with self._buffer.database.transaction():
            self._buffer.edits.keep(edit, now)
            self._buffer.settings.delete(_TROUBLE)
        return Done(f"{self._said(edit)} You can take it back within ten seconds with: daybook undo")

    def undo(self) -> Answer:
        """Take back the edit that is not carried out yet.

        Raises:
            RefusedError: there is none.
        """
        if not self._buffer.edits.drop():
            raise RefusedError("There is no edit to take back: it is carried out after ten seconds.")
        return Done("The edit is taken back; everything stands as it did.")

    def left_ms(self, now: Moment) -> int | None:
        """Give how long the kept edit can still be taken back, None where none can be carried out."""
        pending = self._buffer.edits.pending()
        return None if pending is None or now.is_provisional else pending.left_ms(now)

    def is_edited(self, contract: UUID, start_ms: int) -> bool:
        """Tell of a contract's segment whether an edit of it can still be taken back."""
        pending = self._buffer.edits.pending()
        return (
            pending is not None
            and start_ms in editing.segments_of(pending.edit)
            and contract in _contracts_of(pending.edit)
        )

    def carry_out(self, state: State, now: Moment) -> bool:
        """Carry the kept edit out and tell whether there was one; where it cannot be any more, `trouble` says why.

        While time is provisional it waits for the next contact.
        """
        pending = self._buffer.edits.pending()
        if pending is None or now.is_provisional:
            return False
        database = self._buffer.database
        try:
            with database.transaction():
                device = self._check(pending.edit, state, now, pending.asked_ms)
                self._carry_out(pending.edit, device, now)
                self._buffer.edits.drop()
        except RefusedError as error:
            with database.transaction():
                self._buffer.edits.drop()
                asked = instant_text(pending.asked_ms)
                self._buffer.settings.put(_TROUBLE, f"What you edited at {asked} could not be carried out. {error}")
        return True

    def shown(self, answer: DiaryAnswer, now: Moment) -> DiaryAnswer:
        """Show a day as it is once the kept edit is carried out."""
        pending, device = self._buffer.edits.pending(), self._sync.device
        if pending is None or device is None:
            return answer
        outcome = PendingEdit(sentence=self._said(pending.edit), left_ms=pending.left_ms(now))
        return preview(answer, pending.edit, outcome, self._gaining_contract(pending.edit), device, now)

    # What is asked for

    def _edit_of(self, command: EditCommand) -> Edit:
        span = (command.from_ms, command.to_ms)
        editing.check_span(*span)
        contract = self._meant(command)
        match command:
            case commands.DescribeTime(memo=memo, label=label):
                return Describe(contract, *span, _whole(memo), _whole(label))
            case commands.RemoveTime():
                return Remove(contract, *span)
            case commands.MoveTime(target=target, memo=memo):
                return Move(contract, *span, find_contract(self._sync.contracts(), target).id, whole_characters(memo))
            case commands.AddTime(memo=memo, label=label):
                return Add(contract, *span, whole_characters(memo), _whole(label))
            case commands.WithholdPictures():
                return Withhold(contract, *span)

    def _meant(self, command: EditCommand) -> UUID:
        """Find the contract named, or the only one that has time in the range."""
        contracts = self._sync.contracts()
        if command.contract is not None:
            return find_contract(contracts, command.contract).id
        if isinstance(command, commands.AddTime):
            last = self._buffer.settings.get_text(LAST_CONTRACT)
            if last is None:
                raise RefusedError(
                    "Name the contract to add time to, with --contract. See yours with: daybook contracts"
                )
            return find_contract(contracts, last).id
        from_ms, to_ms = command.from_ms, command.to_ms
        found = {one.contract for one in self._recorded(from_ms, to_ms, self._revisions(from_ms, to_ms))}
        if not found:
            raise RefusedError(
                f"Nothing is recorded from {instant_text(from_ms)} to {instant_text(to_ms)}. See what is with: daybook "
                "diary"
            )
        if len(found) > 1:
            names = ", ".join(sorted(f"“{self._title(one)}”" for one in found))
            raise RefusedError(f"You worked on more than one contract then: {names}. Name one with --contract.")
        return found.pop()

    def _check(self, edit: Edit, state: State, now: Moment, asked_ms: int) -> UUID:
        """Hold an edit to every rule, and give the device that is to seal it.

        Raises:
            RefusedError: it may not be made.
        """
        device = self._sync.device
        if device is None:
            raise RefusedError("You are not logged in, so nothing can be sealed. Log in with: daybook login")
        if now.is_provisional:
            raise RefusedError(
                "The marketplace's time is not known since this computer started, so nothing can be edited yet. Try "
                "again once it was reached, with: daybook sync"
            )
        revisions = self._revisions(edit.from_ms, edit.to_ms, has_refused=not isinstance(edit, Add))
        own = [one for one in revisions if one.contract == edit.contract]
        if not isinstance(edit, Add) and any(one.content is None and one.worked_ms for one in own):
            raise RefusedError(
                "What was recorded then is not kept on this computer any more. Delete or withhold it in the work diary "
                "on the marketplace."
            )
        editing.check(
            edit,
            self._recorded(edit.from_ms, edit.to_ms, revisions),
            asked_ms=asked_ms,
            undecided_from_ms=editing.undecided_ms(state),
            gaining=self._gaining(edit),
        )
        if isinstance(edit, Add | Move):
            self._check_marks(edit, device)
        if isinstance(edit, Withhold) and not self._has_pictures(edit, own):
            raise RefusedError(
                f"No picture of this contract is there to withhold from {instant_text(edit.from_ms)} to "
                f"{instant_text(edit.to_ms)}."
            )
        if self._buffer.outbox.is_head_unknown() and (own or isinstance(edit, Add | Move)):
            raise RefusedError(
                "Part of what this device had sealed was lost, so nothing sealed can be edited on it until it is "
                "enrolled anew."
            )
        return device

    def _revisions(self, from_ms: int, to_ms: int, *, has_refused: bool = True) -> list[Revision]:
        """Give what counts of every sealed segment in a range, or what was refused where nothing else is there."""
        span = (segment_start_ms(from_ms), to_ms)
        refused = self._buffer.outbox.between(*span) if has_refused else []
        found = {(one.contract, one.start_ms): one for one in refused}
        found |= {(one.contract, one.start_ms): one for one in self._buffer.outbox.standing_between(*span)}
        return list(found.values())

    def _recorded(self, from_ms: int, to_ms: int, revisions: Iterable[Revision]) -> list[Interval]:
        """Give all that is recorded in a range, in order."""
        sealed = (
            interval
            for one in revisions
            if one.content is not None
            for interval in intervals_of(self._counting(one.content))
        )
        found = [*self._buffer.edits.recorded(from_ms, to_ms), *sealed]
        inside = (one for one in found if one.start_ms < to_ms and from_ms < one.end_ms)
        return sorted(inside, key=lambda one: one.start_ms)

    def _counting(self, content: bytes) -> Segment:
        """Read what counts of a sealed content: it less all marks."""
        segment = canonical.decode(content, Segment)
        return less(segment, self._buffer.marks.of(segment.contract, segment.start_s * 1000))

    def _check_marks(self, edit: Add | Move, device: UUID) -> None:
        """Refuse time where a mark took some away: no revision undoes a mark."""
        contract = edit.target if isinstance(edit, Move) else edit.contract
        for mark in self._buffer.marks.between(device, segment_start_ms(edit.from_ms), edit.to_ms):
            start_ms = mark.start_s * 1000
            if mark.contract == contract and any(
                start_ms + one.start_ms < edit.to_ms and edit.from_ms < start_ms + one.end_ms for one in mark.ranges
            ):
                raise RefusedError(
                    f"{mark.actor} took time of that range away at {instant_text(mark.made_ms)} ({mark.reason}), and "
                    "what was taken away so cannot be recorded again. Choose a range beside it."
                )

    def _gaining(self, edit: Edit) -> Gaining | None:
        contract = self._gaining_contract(edit)
        if contract is None:
            return None
        return Gaining(
            title=contract.title,
            is_active=contract.status is ContractStatus.ACTIVE,
            allows_manual_time=contract.policy.allows_manual_time,
            started_ms=contract.started_s * 1000,
        )

    def _gaining_contract(self, edit: Edit) -> Contract | None:
        """Give the contract that an edit gives manual time to."""
        if not isinstance(edit, Add | Move):
            return None
        return self._contract(edit.target if isinstance(edit, Move) else edit.contract)

    def _has_pictures(self, edit: Withhold, own: Iterable[Revision]) -> bool:
        unsealed = (
            one
            for start_ms in editing.segments_of(edit)
            for one in self._buffer.snapshots.of_segment(edit.contract, start_ms)
        )
        return any(one.pictures and edit.from_ms <= one.at_ms < edit.to_ms for one in unsealed) or any(
            withholds(self._counting(one.content), edit) for one in own if one.content is not None
        )

    # Carrying out

    def _carry_out(self, edit: Edit, device: UUID, now: Moment) -> None:
        revisions = self._revisions(edit.from_ms, edit.to_ms)
        own = {one.start_ms: one for one in revisions if one.contract == edit.contract}
        if isinstance(edit, Add):
            for piece in editing.added(edit):
                self._enlarge(device, [piece], RevisionReason.ADDED, now)
            return
        for start_ms in editing.segments_of(edit):
            revision = own.get(start_ms)
            content = None if revision is None else revision.content
            self._edit_segment(edit, device, start_ms, None if content is None else self._counting(content), now)

    def _edit_segment(self, edit: Edit, device: UUID, start_ms: int, sealed: Segment | None, now: Moment) -> None:
        """Edit both parts of one segment; what is moved arrives in a link joined to the one that it leaves."""
        unsealed = self._buffer.edits.edit_unsealed(edit, start_ms)
        moved, is_joined = list(unsealed.moved), False
        if sealed is not None:
            is_emptied = unsealed.is_touched and not unsealed.has_rows
            is_reached = any(editing.overlaps(one, edit) for one in intervals_of(sealed)) or withholds(sealed, edit)
            if is_reached or (is_emptied and (unsealed.snapshots if sealed.intervals else sealed.snapshots)):
                after = editing.after(intervals_of(sealed), edit)
                moved += [one for one in after if one.contract != edit.contract]
                self._settle_missed(edit, sealed)
                kept = with_pictures(sealed, self._buffer.outbox.pictures_of(edit.contract, start_ms))
                left = [snapshot_of(one) for one in unsealed.snapshots]
                following = revised(kept, edit, left=left, is_alone=not unsealed.has_rows)
                number = self._append(device, following, now)
                is_joined = True
                if following.reason is RevisionReason.DELETED:
                    self._buffer.outbox.delete_before(edit.contract, start_ms, number)
        if moved:
            self._enlarge(device, moved, RevisionReason.MOVED, now, is_joined=is_joined)

    def _enlarge(
        self, device: UUID, pieces: list[Interval], reason: RevisionReason, now: Moment, *, is_joined: bool = False
    ) -> None:
        """Seal time that arrives in a segment into its next revision, or into its first."""
        contract, start_ms = self._contract(pieces[0].contract), segment_start_ms(pieces[0].start_ms)
        standing = self._buffer.outbox.standing(contract.id, start_ms)
        if standing is None or standing.content is None:
            base = begun(
                contract.id,
                device,
                start_ms,
                policy_version=contract.policy.version,
                clock_offset_ms=now.clock_offset_ms,
            )
        else:
            named = self._buffer.outbox.pictures_of(contract.id, start_ms)
            base = with_pictures(self._counting(standing.content), named)
        self._append(device, enlarged(base, pieces, reason), now, is_joined=is_joined)

    def _append(self, device: UUID, segment: Segment, now: Moment, *, is_joined: bool = False) -> int:
        """Seal a content under the segment's next number, and give that.

        Raises:
            RefusedError: it breaks the diary's rules, as a target may that damage left with overlapping time.
        """
        number = self._buffer.outbox.last_revision(segment.contract, segment.start_s * 1000) + 1
        segment = structs.replace(segment, revision=number)
        try:
            diary.check(segment)
        except diary.InvalidSegmentError as error:
            raise RefusedError(f"The segment could not be sealed: {error} Please tell the makers.") from error
        self._buffer.outbox.append(device, sealing_of(segment, now.utc_ms, is_joined=is_joined))
        return number

    def _settle_missed(self, edit: Edit, sealed: Segment) -> None:
        """Keep it as it is that nobody took a snapshot in time that goes: its instant is not outside worked time."""
        if not isinstance(edit, Remove | Move):
            return
        for one in sealed.snapshots:
            at_ms = sealed.start_s * 1000 + one.at_ms
            if one.reason is SnapshotReason.UNAVAILABLE and edit.from_ms <= at_ms < edit.to_ms:
                self._buffer.edits.settle_missed(edit.contract, at_ms)

    # Words

    def _said(self, edit: Edit) -> str:
        title = self._title(edit.contract)
        span = f"from {instant_text(edit.from_ms)} to {instant_text(edit.to_ms)}"
        match edit:
            case Describe(memo=memo, label=label):
                what = " and ".join(
                    [*(["memo"] if memo is not None else []), *(["label"] if label is not None else [])]
                )
                return f"The time on “{title}” {span} has another {what}."
            case Remove():
                return f"The time on “{title}” {span} is removed."
            case Move(target=target):
                return f"The time on “{title}” {span} is moved to “{self._title(target)}” as manual time."
            case Add():
                return f"Manual time on “{title}” {span} is added."
            case Withhold():
                return f"The pictures on “{title}” {span} are withheld; the time stays, unprotected."

    def _title(self, contract: UUID) -> str:
        return next((one.title for one in self._sync.contracts() if one.id == contract), str(contract))

    def _contract(self, contract: UUID) -> Contract:
        return find_contract(self._sync.contracts(), str(contract))


def _contracts_of(edit: Edit) -> tuple[UUID, ...]:
    return (edit.contract, edit.target) if isinstance(edit, Move) else (edit.contract,)


def _whole(text: str | None) -> str | None:
    return None if text is None else whole_characters(text)
