"""The one byte form: what is hashed on one side can be read and hashed again on the other."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.strategies import SEGMENTS, segment
from wire import canonical
from wire.diary import Interval, Segment
from wire.words import Kind

CONTENT = canonical.encode(segment())


@given(SEGMENTS)
def test_round_trip(one: Segment) -> None:
    content = canonical.encode(one)
    assert canonical.decode(content, Segment) == one
    assert canonical.encode(canonical.decode(content, Segment)) == content


@given(SEGMENTS)
def test_is_the_form_that_another_json_library_writes(one: Segment) -> None:
    """RFC 8785 for our messages: sorted keys, no white space, UTF-8 unescaped but for what JSON demands."""
    plain = msgspec.to_builtins(one)
    expected = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert canonical.encode(one) == expected


@given(st.text())
def test_any_memo_comes_back(memo: str) -> None:
    interval = Interval(start_ms=0, end_ms=1, kind=Kind.TRACKED, memo=memo, label=memo[:200])
    assert canonical.decode(canonical.encode(interval), Interval) == interval


def test_a_memo_of_the_greatest_length_passes() -> None:
    interval = Interval(start_ms=0, end_ms=1, kind=Kind.TRACKED, memo="𝄞" * 10_000, label=None)
    assert canonical.decode(canonical.encode(interval), Interval) == interval
    longer = msgspec.structs.replace(interval, memo="𝄞" * 10_001)
    with pytest.raises(msgspec.ValidationError):
        canonical.decode(canonical.encode(longer), Interval)


def _reordered() -> bytes:
    return json.dumps(dict(reversed(json.loads(CONTENT).items())), separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CONTENT + b" ", id="white space after"),
        pytest.param(b"\n" + CONTENT, id="white space before"),
        pytest.param(CONTENT.replace(b":", b": "), id="white space within"),
        pytest.param(_reordered(), id="another order"),
        pytest.param(CONTENT.replace(b"Draw", b"\\u0044raw"), id="needless escape"),
        pytest.param(CONTENT.replace(b"-12", b"-12.0"), id="float"),
        pytest.param(CONTENT.replace(b"-12", b"-1.2e1"), id="exponent"),
        pytest.param(CONTENT.replace(b'"revision":1', b'"revision":1,"revision":1'), id="a key twice"),
        pytest.param(CONTENT.replace(b"000000000002", b"00000000000A"), id="upper case"),
        pytest.param(CONTENT.replace(b'"label":null,', b""), id="missing field"),
        pytest.param(CONTENT.replace(b'"label":null', b'"label":null,"loud":1'), id="unknown field"),
        pytest.param(CONTENT.replace(b'"start_s":', b'"start":1,"start_s":'), id="unknown field of the segment"),
        pytest.param(CONTENT[:-1], id="cut short"),
    ],
)
def test_refuses_any_other_form(content: bytes) -> None:
    assert content != CONTENT
    with pytest.raises((canonical.NotCanonicalError, msgspec.DecodeError)):
        canonical.decode(content, Segment)


def test_another_form_of_a_valid_message_is_told_from_an_invalid_one() -> None:
    with pytest.raises(canonical.NotCanonicalError):
        canonical.decode(_reordered(), Segment)
    with pytest.raises(msgspec.ValidationError):
        canonical.decode(CONTENT.replace(b'"revision":1', b'"revision":0'), Segment)


@pytest.mark.parametrize("struct", ["contract", "minute", "moved", "source", "memo"])
def test_every_part_refuses_unknown_fields(struct: str) -> None:
    """Whichever object a key stands in, a stranger next to it is refused."""
    content = CONTENT.replace(f'"{struct}":'.encode(), f'"{struct}_":1,"{struct}":'.encode())
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        canonical.decode(content, Segment)


@given(st.binary(max_size=200) | st.integers(0, len(CONTENT) - 1).map(lambda n: CONTENT[:n] + b"\xff" + CONTENT[n:]))
def test_bytes_that_are_no_message_raise_what_is_said(content: bytes) -> None:
    with pytest.raises((canonical.NotCanonicalError, msgspec.DecodeError, UnicodeDecodeError)):
        canonical.decode(content, Segment)


def test_half_a_character_cannot_be_sent() -> None:
    """So the session must never let one in; see tests/tracker/domain/test_session.py."""
    interval = Interval(start_ms=0, end_ms=1, kind=Kind.TRACKED, memo="\ud800", label=None)
    with pytest.raises(UnicodeEncodeError):
        canonical.encode(interval)
