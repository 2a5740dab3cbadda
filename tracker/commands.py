"""What can be asked of the engine, by the window, the tray and the command line alike, and what it answers."""

from msgspec import Struct

from tracker.domain.events import Declared
from tracker.domain.exclusion import Rule
from tracker.status import ContractLine, Status
from wire.diary import Segment
from wire.marks import MarkKind
from wire.words import Kind


class Start(Struct, frozen=True, tag=True):
    """Track on a contract (its id, or the beginning of its title); a running timer switches. None: the last one."""

    contract: str | None = None
    memo: str | None = None


class Stop(Struct, frozen=True, tag=True):
    """Stop the timer."""


class SetMemo(Struct, frozen=True, tag=True):
    """Say what is being done from now on."""

    memo: str


class Resume(Struct, frozen=True, tag=True):
    """Track on after a pause, and say what becomes of the time away.

    It is discarded, kept as manual time, or assigned as manual time to another contract (see Start) with a memo of
    its own.
    """

    keeps: bool = False
    assign_to: str | None = None
    memo: str | None = None


class Declare(Struct, frozen=True, tag=True):
    """Declare *reading* or *meeting*, in which idleness is not looked for; None goes back to the timer."""

    declared: Declared | None


class GetStatus(Struct, frozen=True, tag=True):
    """Ask for the status."""


class GetContracts(Struct, frozen=True, tag=True):
    """Ask for the contracts, fetched anew if the marketplace can be reached."""


class GetDiary(Struct, frozen=True, tag=True):
    """Ask for the segments of a UTC day, written as YYYY-MM-DD; None means today."""

    day: str | None = None


class Sync(Struct, frozen=True, tag=True):
    """Send what waits now and answer when it is sent or cannot be."""


class BlurSnapshot(Struct, frozen=True, tag=True):
    """Blur a held snapshot, irreversibly."""

    snapshot: int


class WithholdSnapshot(Struct, frozen=True, tag=True):
    """Withhold a held snapshot: its pictures are destroyed, the time stays."""

    snapshot: int


class ApproveSnapshot(Struct, frozen=True, tag=True):
    """Let a held snapshot leave whose windows could not be held to the exclusion rules."""

    snapshot: int


class AddExclusion(Struct, frozen=True, tag=True):
    """Exclude an application, or windows by their title, from every snapshot."""

    rule: Rule


class RemoveExclusion(Struct, frozen=True, tag=True):
    """Take an exclusion rule back."""

    rule: Rule


class GetExclusions(Struct, frozen=True, tag=True):
    """Ask for the exclusion rules."""


class ViewSnapshot(Struct, frozen=True, tag=True):
    """Ask for a snapshot's full pictures."""

    snapshot: int


class LogIn(Struct, frozen=True, tag=True):
    """Take in a log-in made at a marketplace (its address without a slash at the end), with its tokens.

    `expires_ms` is the access token's end in system UTC milliseconds.
    """

    server: str
    access: str
    refresh: str
    expires_ms: int


class GetPreferences(Struct, frozen=True, tag=True):
    """Ask for the person's settings."""


class SetPreference(Struct, frozen=True, tag=True):
    """Set one of the person's settings, by its name (`tracker.preferences`) and what they wrote."""

    name: str
    value: str


class DescribeTime(Struct, frozen=True, tag=True):
    """Give recorded time another memo or label, both in a range of UTC milliseconds; an empty label takes it away.

    As in every edit, `contract` is its id or the beginning of its title; None: the only one with time in the range.
    """

    contract: str | None
    from_ms: int
    to_ms: int
    memo: str | None = None
    label: str | None = None


class RemoveTime(Struct, frozen=True, tag=True):
    """Take recorded time away; segments that nothing is left of are deleted."""

    contract: str | None
    from_ms: int
    to_ms: int


class MoveTime(Struct, frozen=True, tag=True):
    """Give recorded time, as manual time, to another contract with a memo of its own."""

    contract: str | None
    from_ms: int
    to_ms: int
    target: str
    memo: str


class AddTime(Struct, frozen=True, tag=True):
    """Add manual time; a contract that is not named is the last one."""

    contract: str | None
    from_ms: int
    to_ms: int
    memo: str
    label: str | None = None


class WithholdPictures(Struct, frozen=True, tag=True):
    """Withhold every picture taken in a range; the time stays."""

    contract: str | None
    from_ms: int
    to_ms: int


EditCommand = DescribeTime | RemoveTime | MoveTime | AddTime | WithholdPictures


class Undo(Struct, frozen=True, tag=True):
    """Take back the edit that is not carried out yet."""


class Show(Struct, frozen=True, tag=True):
    """Bring the window to the front (what starting a second time does)."""


class Quit(Struct, frozen=True, tag=True):
    """Stop the timer, save, and end the program."""


Command = (
    Start
    | Stop
    | SetMemo
    | Resume
    | Declare
    | GetStatus
    | GetContracts
    | GetDiary
    | Sync
    | BlurSnapshot
    | WithholdSnapshot
    | ApproveSnapshot
    | AddExclusion
    | RemoveExclusion
    | GetExclusions
    | ViewSnapshot
    | LogIn
    | GetPreferences
    | SetPreference
    | DescribeTime
    | RemoveTime
    | MoveTime
    | AddTime
    | WithholdPictures
    | Undo
    | Show
    | Quit
)


class Done(Struct, frozen=True, tag=True):
    """It is done; `sentence` says what, for people."""

    sentence: str


class Refused(Struct, frozen=True, tag=True):
    """It was not done: what, why, what to do. `exit_code` is the command line's."""

    sentence: str
    exit_code: int


ENDED = Refused("Daybook has ended. Start it again with: daybook run", exit_code=3)


class StatusAnswer(Struct, frozen=True, tag=True):
    """The status asked for."""

    status: Status


class ContractsAnswer(Struct, frozen=True, tag=True):
    """The contracts asked for; `problem` says why they could not be fetched anew."""

    contracts: tuple[ContractLine, ...]
    problem: str | None


class DiaryInterval(Struct, frozen=True, kw_only=True):
    """An interval of a segment, or its part within or over the weekly limit; instants are UTC milliseconds.

    `unprotected` says in sentences why a dispute that nobody answers would not leave it paid, empty where it would.
    """

    start_ms: int
    end_ms: int
    kind: Kind
    memo: str
    is_billable: bool
    unprotected: tuple[str, ...]


class DiarySegment(Struct, frozen=True, kw_only=True):
    """One segment in the tracker's own diary, as it counts: less all marks.

    `sync_state` is one of *recording* (not sealed yet), *waiting*, *accepted*, *rejected*; `detail` says why. What is
    rejected bills nothing.
    """

    contract_title: str
    client: str
    start_ms: int
    worked_ms: int
    billable_ms: int
    over_limit_ms: int
    intervals: tuple[DiaryInterval, ...]
    sync_state: str
    detail: str | None
    segment: Segment


class DiaryMark(Struct, frozen=True, kw_only=True):
    """What someone other than this device took away from a segment: `taken_ms` of its time, or so many pictures."""

    contract_title: str
    start_ms: int
    kind: MarkKind
    taken_ms: int
    pictures: int
    actor: str
    reason: str
    made_ms: int


class Total(Struct, frozen=True, kw_only=True):
    """Worked and billable side by side; `reason` explains a difference, None where there is none.

    `billable_minutes` is rounded once for the week; a day's are its share, so that the days add up to the week.
    """

    worked_ms: int
    billable_ms: int
    over_limit_ms: int
    billable_minutes: int
    reason: str | None


class DiaryTotals(Struct, frozen=True, kw_only=True):
    """One contract's day, and the billing week that it lies in, as this device knows them."""

    contract_title: str
    client: str
    day: Total
    week: Total


class PendingEdit(Struct, frozen=True, kw_only=True):
    """An edit that can still be taken back: what it does, and for how long."""

    sentence: str
    left_ms: int


class DiaryAnswer(Struct, frozen=True, tag=True):
    """A UTC day's segments in order, each contract's totals, and what marks took away that day.

    Segments show what an edit makes of them that can still be taken back (`pending`); what then bills and is protected
    follows once it is carried out.
    """

    day: str
    worked_ms: int
    segments: tuple[DiarySegment, ...]
    totals: tuple[DiaryTotals, ...] = ()
    marks: tuple[DiaryMark, ...] = ()
    pending: PendingEdit | None = None


class PreferenceLine(Struct, frozen=True, kw_only=True):
    """One of the person's settings."""

    name: str
    is_on: bool
    default: bool
    help: str


class PreferencesAnswer(Struct, frozen=True, tag=True):
    """The person's settings."""

    preferences: tuple[PreferenceLine, ...]


class PicturesAnswer(Struct, frozen=True, tag=True):
    """A snapshot's pictures, one JPEG a monitor."""

    jpegs: tuple[bytes, ...]


class ExclusionsAnswer(Struct, frozen=True, tag=True):
    """The exclusion rules, and the applications that can be seen now; None where no program is told of them."""

    rules: tuple[Rule, ...]
    applications: tuple[str, ...] | None


class SyncAnswer(Struct, frozen=True, tag=True):
    """What a sync sent, and what is left; `picture_problem` says why a picture of it will never arrive."""

    sent_segments: int
    sent_pictures: int
    waiting_segments: int
    waiting_pictures: int
    refused_segments: int
    problem: str | None
    failed_pictures: int = 0
    picture_problem: str | None = None


Answer = (
    Done
    | Refused
    | StatusAnswer
    | ContractsAnswer
    | DiaryAnswer
    | PreferencesAnswer
    | ExclusionsAnswer
    | PicturesAnswer
    | SyncAnswer
)
