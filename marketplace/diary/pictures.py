"""Pictures: what may be stored, and the store itself (obstore; a local folder)."""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import obstore
import structlog
from django.conf import settings
from django.db import transaction
from obstore.store import LocalStore
from PIL import Image

from marketplace.accounts.models import User
from marketplace.contracts.models import Contract
from marketplace.diary import reading
from marketplace.diary.models import Picture, StoredPicture
from marketplace.diary.rules import MOST_PIXELS
from marketplace.errors import refused

log = structlog.get_logger(__name__)
_NOT_AN_IMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def store_picture(user: User, contract_id: UUID, sha256: str, body: bytes, *, now_ms: int) -> None:
    """Store a picture that an accepted segment of the person's names; again is harmless.

    Raises:
        RefusedError: 404 where no such segment names it, 422 where the bytes are not that picture; nothing is stored.
    """
    named = list(reading.named_pictures(contract_id).filter(revision__contract__freelancer=user, sha256=sha256))
    if not named:
        raise refused(
            404,
            "unknown_picture",
            "Unknown picture",
            "No accepted segment of this contract of yours names this picture.",
        )
    if reading.stored_among(contract_id, [sha256]):
        return
    _check(body, sha256, named)
    with transaction.atomic():
        # The row first: where another upload of the same bytes is faster, this one waits and finds it done.
        _, is_new = StoredPicture.objects.get_or_create(
            contract_id=contract_id, sha256=sha256, defaults={"size": len(body), "stored_ms": now_ms}
        )
        if is_new:
            _put(contract_id, sha256, body)
    log.info("picture stored", contract=str(contract_id), size=len(body))


def load_picture(contract: Contract, sha256: str) -> bytes | None:
    """Give a picture's bytes, or None where what counts of the contract names no such picture or it is not here yet."""
    if not reading.named_pictures(contract.pk).filter(sha256=sha256).exists():
        return None
    if not reading.stored_among(contract.pk, [sha256]):
        return None
    return bytes(obstore.get(_store(), _key(contract.pk, sha256)).bytes())


def destroy_pictures(contract_id: UUID, hashes: Iterable[str]) -> None:
    """Destroy those of these pictures that are stored and that nothing which counts of the contract names any more.

    The rows first, within the caller's transaction: an upload of the same bytes then waits for its end.
    """
    hashes = set(hashes)
    named = Picture.objects.filter(revision__contract_id=contract_id, sha256__in=hashes)
    gone = hashes - set(named.values_list("sha256", flat=True))
    StoredPicture.objects.filter(contract_id=contract_id, sha256__in=gone).delete()
    for sha256 in sorted(gone):
        with contextlib.suppress(FileNotFoundError):  # never came, or went before a power cut
            _delete(contract_id, sha256)


def _check(body: bytes, sha256: str, named: Iterable[Picture]) -> None:
    if hashlib.sha256(body).hexdigest() != sha256:
        raise refused(422, "wrong_hash", "Another picture", "The bytes do not have the hash of the address.")
    named = [one for one in named if one.size == len(body)]
    if not named:
        raise refused(
            422, "wrong_size", "Wrong size", f"The picture has {len(body)} bytes; another size was announced."
        )
    measures = _measure(body)
    if measures is None:
        raise refused(422, "not_a_picture", "Not a picture", "The bytes cannot be decoded as one JPEG picture.")
    if not any(one.is_thumbnail or (one.width, one.height) == measures for one in named):
        raise refused(
            422,
            "wrong_dimensions",
            "Wrong dimensions",
            f"The picture has {measures[0]} × {measures[1]} pixels; other dimensions were announced.",
        )


def _measure(body: bytes) -> tuple[int, int] | None:
    """Decode a JPEG wholly and give its width and height, or None if it is none.

    It is decoded at an eighth of its size: every byte of it is still read, in a sixty-fourth of the memory.
    """
    try:
        with Image.open(io.BytesIO(body), formats=["JPEG"]) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return None
            image.draft(None, (max(1, width // 8), max(1, height // 8)))
            image.load()
    except _NOT_AN_IMAGE:
        return None
    return width, height


def _store() -> LocalStore:
    return LocalStore(prefix=settings.PICTURES, mkdir=True)


def _key(contract_id: UUID, sha256: str) -> str:
    return f"{contract_id}/{sha256}.jpg"


def _put(contract_id: UUID, sha256: str, body: bytes) -> None:
    """Write the bytes so that they outlive a power cut; the store renames a finished file into place."""
    key = _key(contract_id, sha256)
    try:
        obstore.put(_store(), key, body)
    except obstore.exceptions.BaseError as error:
        raise _as_os_error(error) from error
    file = Path(settings.PICTURES) / key
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _delete(contract_id: UUID, sha256: str) -> None:
    try:
        obstore.delete(_store(), _key(contract_id, sha256))
    except obstore.exceptions.BaseError as error:
        raise _as_os_error(error) from error


def _as_os_error(error: Exception) -> OSError:
    """Give the operating system's error back, which the store only tells in words."""
    for number in (28, 122, 13, 1, 30):
        if f"os error {number})" in str(error) or f"code: {number}," in str(error):
            return OSError(number, os.strerror(number))
    return OSError(str(error))
