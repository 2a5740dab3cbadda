"""What can go wrong, by who can mend it; every text is one sentence or two for the person: what, why, what to do."""


class TrackerError(Exception):
    """The base of the tracker's errors; `exit_code` is the command line's."""

    exit_code = 1


class MachineError(TrackerError):
    """The surroundings fail us: no network, no display, a full disk, no keyring."""

    exit_code = 2


class RefusedError(TrackerError):
    """What was asked for is not possible: an unknown contract, a wrong password, nothing running."""

    exit_code = 3


class BugError(TrackerError):
    """Our own mistake; the text says where the details were written."""

    exit_code = 70
