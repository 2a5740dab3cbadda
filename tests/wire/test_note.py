"""Signed notes: the specification's own examples, and nothing holds that was not signed."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wire.note import Algorithm, InvalidNoteError, Note, Verifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NAME = "daybook.example/log"
TEXT = "daybook.example/log\n3\nAAAA\n"
SIGNED = Note(TEXT, ()).signed(NAME, KEY)
COSIGNED = SIGNED.cosigned("witness.example", OTHER, 1_795_435_200)
LOG = Verifier(NAME, Algorithm.ED25519, KEY.public_key().public_bytes_raw())
WITNESS = Verifier("witness.example", Algorithm.COSIGNATURE, OTHER.public_key().public_bytes_raw())

# From the documentation of Go's golang.org/x/mod/sumdb/note.
GOS_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GOS_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_that_others_signed_holds() -> None:
    note = Note.parse(GOS_NOTE)
    assert note.is_signed_by(Verifier.parse(GOS_KEY))
    assert str(note) == GOS_NOTE
    assert str(Verifier.parse(GOS_KEY)) == GOS_KEY


def test_a_signature_covers_the_text() -> None:
    assert SIGNED.is_signed_by(LOG)
    assert not Note(TEXT.replace("3", "4"), SIGNED.signatures).is_signed_by(LOG)


def test_a_cosignature_covers_text_and_time() -> None:
    assert COSIGNED.is_signed_by(LOG)
    assert COSIGNED.is_signed_by(WITNESS)
    line = COSIGNED.signatures[1]
    later = line.value[:7] + bytes([line.value[7] ^ 1]) + line.value[8:]
    moved = Note(TEXT, (type(line)(line.name, line.key_id, later),))
    assert not moved.is_signed_by(WITNESS)


@pytest.mark.parametrize(
    "verifier",
    [
        Verifier(NAME, Algorithm.ED25519, OTHER.public_key().public_bytes_raw()),
        Verifier("daybook.example/other", Algorithm.ED25519, LOG.public),
        Verifier(NAME, Algorithm.COSIGNATURE, LOG.public),
    ],
    ids=["other key", "other name", "other algorithm"],
)
def test_another_key_signed_nothing(verifier: Verifier) -> None:
    assert not COSIGNED.is_signed_by(verifier)


def test_a_note_is_written_and_read_again() -> None:
    assert Note.parse(str(COSIGNED)) == COSIGNED
    assert Verifier.parse(f" {LOG}\n") == LOG
    assert Verifier.parse(str(WITNESS)) == WITNESS


@given(st.integers(0, len(str(COSIGNED)) - 1), st.characters())
def test_no_changed_character_leaves_both_signatures(at: int, character: str) -> None:
    whole = str(COSIGNED)
    changed = whole[:at] + character + whole[at + 1 :]
    if changed == whole:
        return
    try:
        note = Note.parse(changed)
    except InvalidNoteError:
        return
    assert not (note.text == TEXT and note.is_signed_by(LOG) and note.is_signed_by(WITNESS))
    assert note.text == TEXT or not note.is_signed_by(LOG)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "text\n", "text\n\n", f"{TEXT}\n— name", f"{TEXT}\n— name ????\n", f"{TEXT}\n— name AAAA\n",
        f"{TEXT}\nname AAAAAAAAAA==\n", f"{TEXT}\t\n— name AAAAAAAAAA==\n", f"{TEXT}\n— na+me AAAAAAAAAA==\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidNoteError, match=r"note"):
        Note.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "name+00000000+AAAA", str(LOG).replace("+", "-"), str(LOG)[:-8], "x" + str(LOG),
        f"{NAME}+00000000+{base64.b64encode(bytes([7]) + LOG.public).decode()}",
    ],
)  # fmt: skip
def test_what_is_no_key_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidNoteError, match=r"no key"):
        Verifier.parse(text)
