"""Pictures at rest: one AES-256-GCM file each, named by the SHA-256 of the bytes that would be sent."""

import hashlib
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracker.domain.errors import MachineError
from tracker.store.durable import write_whole

_NONCE_BYTES = 12


class PictureLostError(MachineError):
    """A picture's file is missing or damaged."""


class PictureUnreadableError(MachineError):
    """A picture's file cannot be read now; the folder or the disk may be mended."""


class Pictures:
    """The folder of encrypted pictures.

    Args:
        folder: made if it is missing.
        key: 32 random bytes, kept in the encrypted buffer.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._key = key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        """Keep a picture, on the disk before this returns, and give its SHA-256.

        Raises:
            MachineError: it could not be written; nothing half-written stays.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(self._key).encrypt(nonce, content, sha256.encode())
        try:
            write_whole(self._path(sha256), sealed)
        except OSError as error:
            raise MachineError(
                f"A picture could not be kept in {self._folder} ({error.strerror}). The time is recorded without it. "
                "Free some space on that disk or check the folder's permissions."
            ) from error
        return sha256

    def get(self, sha256: str) -> bytes:
        """Read a picture back.

        Raises:
            PictureLostError: its file is missing or damaged.
            PictureUnreadableError: it cannot be read now.
        """
        try:
            sealed = self._path(sha256).read_bytes()
            return AESGCM(self._key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], sha256.encode())
        except (FileNotFoundError, InvalidTag, ValueError) as error:
            raise PictureLostError(f"The picture {sha256[:12]}… in {self._folder} is missing or damaged.") from error
        except OSError as error:
            raise PictureUnreadableError(
                f"The picture {sha256[:12]}… in {self._folder} cannot be read ({error.strerror}). Check the folder's "
                "permissions and the disk; Daybook tries again."
            ) from error

    def destroy(self, sha256: str) -> None:
        """Remove a picture's file."""
        self._path(sha256).unlink(missing_ok=True)

    def has(self, sha256: str) -> bool:
        """Tell whether a picture's file is there."""
        return self._path(sha256).exists()

    def remove_drafts(self) -> None:
        """Remove what a process that died left half-written."""
        for draft in self._folder.glob("*.draft"):
            draft.unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Give the SHA-256 of every picture kept."""
        return {path.stem for path in self._folder.glob("*.picture")}

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.picture"
