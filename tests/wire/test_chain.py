"""The device's chain: any change of what was signed is found."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wire import chain

DEVICE, OTHER = UUID(int=7), UUID(int=8)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
DIGESTS = tuple(chain.digest(bytes([number] * 32), b"content %d" % number) for number in range(6))


def _holds(digests: Sequence[bytes], signature: bytes, *, device: UUID = DEVICE) -> bool:
    """Judge a whole chain as the marketplace does: fold the digests, check the device's signature over the head."""
    head = chain.extend(chain.genesis(device), digests)
    return chain.is_signed(KEY.public_key(), device, head, signature)


SIGNATURE = chain.sign(KEY, DEVICE, chain.extend(chain.genesis(DEVICE), DIGESTS))


def test_an_untouched_chain_holds() -> None:
    """The negative control of every test of tampering below."""
    assert _holds(DIGESTS, SIGNATURE)


def test_the_formula_is_the_documented_one() -> None:
    genesis = hashlib.sha256(b"daybook chain v1" + DEVICE.bytes).digest()
    first = hashlib.sha256(b"daybook link v1" + bytes(8) + genesis + DIGESTS[0]).digest()
    second = hashlib.sha256(b"daybook link v1" + bytes(7) + b"\x01" + first + DIGESTS[1]).digest()
    assert chain.genesis(DEVICE) == chain.Head(0, genesis)
    assert chain.extend(chain.genesis(DEVICE), DIGESTS[:2]) == chain.Head(2, second)
    assert chain.digest(b"s" * 32, b"c") == hashlib.sha256(b"s" * 32 + b"c").digest()


def test_extending_in_parts_is_extending_at_once() -> None:
    half = chain.extend(chain.genesis(DEVICE), DIGESTS[:3])
    assert chain.extend(half, DIGESTS[3:]) == chain.extend(chain.genesis(DEVICE), DIGESTS)
    assert chain.extend(half, ()) == half


def _flipped(number: int) -> tuple[bytes, ...]:
    changed = bytearray(DIGESTS[number])
    changed[number % 32] ^= 1
    return (*DIGESTS[:number], bytes(changed), *DIGESTS[number + 1 :])


@pytest.mark.parametrize(
    "digests",
    [
        *(pytest.param(_flipped(number), id=f"bit of {number} flipped") for number in range(6)),
        *(pytest.param((*DIGESTS[:n], *DIGESTS[n + 1 :]), id=f"{n} dropped") for n in range(6)),
        *(pytest.param((*DIGESTS[: n + 1], *DIGESTS[n:]), id=f"{n} doubled") for n in range(6)),
        *(
            pytest.param((*DIGESTS[:n], DIGESTS[n + 1], DIGESTS[n], *DIGESTS[n + 2 :]), id=f"{n} and next swapped")
            for n in range(5)
        ),
        pytest.param((*DIGESTS[:3], chain.digest(bytes(32), b"foreign"), *DIGESTS[3:]), id="foreign link spliced in"),
        pytest.param((*DIGESTS, chain.digest(bytes(32), b"foreign")), id="foreign link added"),
        pytest.param((), id="emptied"),
    ],
)
def test_tampering_is_found(digests: tuple[bytes, ...]) -> None:
    assert not _holds(digests, SIGNATURE)


def test_a_chain_is_bound_to_its_device() -> None:
    assert chain.genesis(DEVICE) != chain.genesis(OTHER)
    assert not _holds(DIGESTS, SIGNATURE, device=OTHER)
    head = chain.extend(chain.genesis(DEVICE), DIGESTS)
    assert not chain.is_signed(KEY.public_key(), OTHER, head, SIGNATURE)


def test_a_head_is_signed_with_its_length() -> None:
    head = chain.extend(chain.genesis(DEVICE), DIGESTS)
    shorter = chain.Head(head.length - 1, head.hash)
    assert not chain.is_signed(KEY.public_key(), DEVICE, shorter, SIGNATURE)


def test_another_key_or_a_changed_signature_is_found() -> None:
    head = chain.extend(chain.genesis(DEVICE), DIGESTS)
    assert not chain.is_signed(Ed25519PrivateKey.generate().public_key(), DEVICE, head, SIGNATURE)
    assert not chain.is_signed(KEY.public_key(), DEVICE, head, bytes([SIGNATURE[0] ^ 1]) + SIGNATURE[1:])
    assert not chain.is_signed(KEY.public_key(), DEVICE, head, b"")


def test_a_link_index_is_part_of_the_link() -> None:
    """Otherwise a link could be moved along a chain of equal hashes."""
    one = chain.Head(1, b"x" * 32)
    two = chain.Head(2, b"x" * 32)
    assert chain.extend(one, DIGESTS[:1]).hash != chain.extend(two, DIGESTS[:1]).hash


def test_salts_are_long_and_never_the_same() -> None:
    salts = {chain.new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(salt) for salt in salts} == {32}
    assert chain.digest(bytes(32), b"c") != chain.digest(b"\x01" * 32, b"c")
