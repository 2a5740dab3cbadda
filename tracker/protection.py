"""Why time is not protected, in words (PRODUCT.md, "Time"); the rule itself is `wire.protection`."""

from wire.contract import Policy
from wire.diary import Segment
from wire.protection import Unprotected

_SENTENCES = {
    Unprotected.MANUAL: "Manual time is never protected.",
    Unprotected.DECLARED: "This contract does not protect declared time.",
    Unprotected.NO_MEMO: "There is no memo. Say what you are doing.",
    Unprotected.OVER_LIMIT: "The week's limit is reached; what is over it is kept and shown, but not billed.",
    Unprotected.ACTIVITY_UNKNOWN: "Activity cannot be measured on this desktop.",
    Unprotected.LOW_ACTIVITY: "Activity {meter} of 10 is below the agreed {threshold}.",
    Unprotected.SNAPSHOT_WITHHELD: "This segment's snapshot was withheld.",
    Unprotected.SNAPSHOT_FAILED: "This segment's snapshot could not be taken.",
    Unprotected.NO_SNAPSHOT: "This segment has no snapshot.",
}
UNDECIDED = frozenset({Unprotected.NO_SNAPSHOT})
"""What says nothing yet about a segment that still runs: its snapshot may come."""


def sentence(reason: Unprotected, segment: Segment, policy: Policy) -> str:
    """Say a reason against an interval's protection."""
    return _SENTENCES[reason].format(meter=segment.activity_tenths, threshold=policy.activity_threshold)
