"""The side file with the number of the last commit: SQLite drops a damaged WAL tail silently, this tells.

It is written after COMMIT has returned, with `synchronous = FULL`: so it is never ahead of the durable database, and a
database behind it has lost commits. Two places are written in turn, each with a checksum: a torn write leaves one.
"""

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracker.store.durable import sync_folder

_FIELDS: Final = struct.Struct(">QQ8s")
_PLACES: Final = (0, 512)  # a disk's sector apart
_sync = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have only the latter


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a database has come: its last commit's number, and how many links its chain has."""

    number: int
    links: int


class CommitFile:
    """The side file of one database.

    Args:
        path: made at the first write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def read(self) -> Mark | None:
        """Read the newest mark, None where there is none that is whole."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        marks = [_decoded(content[place : place + _FIELDS.size]) for place in _PLACES]
        return max((mark for mark in marks if mark is not None), key=lambda mark: mark.number, default=None)

    def write(self, mark: Mark) -> None:
        """Write a mark down, on the disk before this returns.

        Raises:
            OSError: the disk failed.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            sync_folder(self._path.parent)
        os.lseek(self._descriptor, _PLACES[mark.number % 2], os.SEEK_SET)
        os.write(self._descriptor, _FIELDS.pack(mark.number, mark.links, _checksum(mark)))
        _sync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _decoded(content: bytes) -> Mark | None:
    if len(content) != _FIELDS.size:
        return None
    number, links, checksum = _FIELDS.unpack(content)
    mark = Mark(number, links)
    return mark if checksum == _checksum(mark) else None


def _checksum(mark: Mark) -> bytes:
    return hashlib.sha256(f"daybook commit {mark.number} {mark.links}".encode()).digest()[:8]
