"""`daybook doctor`: examines every part that depends on the machine, by using it."""

from msgspec import Struct

from tracker.app import back_ends
from tracker.capture import platform
from tracker.domain.errors import MachineError
from tracker.sync.credentials import KeyringVault


class Finding(Struct, frozen=True, kw_only=True):
    """What was found of one part; `remedy` is the step that mends it, None where it works."""

    port: str
    back_end: str
    works: bool
    sentence: str
    remedy: str | None


class Report(Struct, frozen=True, kw_only=True):
    """All findings, and the sort of session that the desktop has."""

    session: str
    findings: tuple[Finding, ...]


def examine() -> Report:
    """Take a test picture, select input, look for idleness, and ask the keyring; nothing seen is kept."""
    chosen = back_ends()
    ports = tuple(
        Finding(port=one.port, back_end=one.back_end, works=one.works, sentence=one.sentence, remedy=one.remedy)
        for one in platform.doctor(chosen)
    )
    return Report(session=chosen.session, findings=(*ports, _examine_keyring()))


def _examine_keyring() -> Finding:
    try:
        KeyringVault("doctor").get("doctor")
    except MachineError as error:
        remedy = "Start and unlock a keyring, or start Daybook with --key-file FILE."
        return Finding(port="keyring", back_end="keyring", works=False, sentence=str(error), remedy=remedy)
    sentence = "The keyring answers; keys and tokens are kept there."
    return Finding(port="keyring", back_end="keyring", works=True, sentence=sentence, remedy=None)
