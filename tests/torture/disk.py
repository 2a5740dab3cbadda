"""Everything that the store asks of the disk, seen or refused one call at a time.

SQLite's calls come through a VFS below the cipher, Python's own (pictures, side files) through replaced functions of
`os` and `pathlib`; both end in one observer, so that their order is known.
"""

from __future__ import annotations

import errno
import functools
import io
import os
import pathlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from unittest import mock

import apsw

VFS = "multipleciphers-daybook-torture"
_NAME = "daybook-torture"


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the disk.

    `does` is one of *open, create, read, write, truncate, sync, delete, rename, sync-folder*; `is_sqlite` tells whose
    it is.
    """

    does: str
    path: str
    offset: int = 0
    content: bytes = b""
    size: int = 0
    target: str = ""
    is_sqlite: bool = False

    @property
    def changes(self) -> bool:
        """Whether a disk that can only be read refuses it."""
        return self.does not in {"open", "read"}


class Observer(Protocol):
    """Sees each call before it is made and after it succeeded."""

    def before(self, call: Call) -> None:
        """See a call that is to be made; raising an OSError refuses it."""

    def after(self, call: Call) -> None:
        """See a call that was made."""


class Nobody:
    """Lets everything pass."""

    def before(self, call: Call) -> None:
        """Let it pass."""

    def after(self, call: Call) -> None:
        """Let it pass."""


@contextmanager
def observed(root: pathlib.Path, observer: Observer) -> Iterator[None]:
    """Show an observer every call for files in a folder; SQLite's where the buffer is opened with `VFS`."""
    vfs = _vfs()
    vfs.observer = observer
    python = _Python(str(root), observer)
    replaced = {
        "fsync": python.fsync, "replace": python.replace, "rename": python.replace, "unlink": python.unlink,
        "remove": python.unlink, "open": python.os_open, "write": python.write, "pwrite": python.pwrite,
        "ftruncate": python.ftruncate, "fdatasync": python.fsync,
    }  # fmt: skip
    with ExitStack() as stack:
        for name, stands_in in replaced.items():
            stack.enter_context(mock.patch.object(os, name, stands_in))
        stack.enter_context(mock.patch.object(pathlib.Path, "open", python.path_open()))
        try:
            yield
        finally:
            vfs.observer = Nobody()


class _File(apsw.VFSFile):
    def __init__(self, vfs: _Vfs, path: str, name: Any, flags: list[int]) -> None:
        self._vfs = vfs
        self._path = path
        is_new = not os.path.exists(path)  # noqa: PTH110 (Path.exists costs ten times as much)
        call = Call("create" if is_new else "open", path, is_sqlite=True)
        # A journal's or WAL's first sync takes its directory entry with it (os_unix.c, UNIXFILE_DIRSYNC).
        self._syncs_folder = bool(flags[0] & (apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL)) and is_new
        with vfs.call(call):
            super().__init__("unix", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 (SQLite's name, as all that follow)
        with self._vfs.call(Call("read", self._path, offset, size=amount, is_sqlite=True)):
            return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        with self._vfs.call(Call("write", self._path, offset, bytes(data), is_sqlite=True)):
            super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        with self._vfs.call(Call("truncate", self._path, size=newsize, is_sqlite=True)):
            super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        with self._vfs.call(Call("sync", self._path, is_sqlite=True)):
            super().xSync(flags)
        if self._syncs_folder:
            self._syncs_folder = False
            self._vfs.observer.after(Call("sync-folder", os.path.dirname(self._path), is_sqlite=True))  # noqa: PTH120 (as above)


class _Vfs(apsw.VFS):
    def __init__(self) -> None:
        self.observer: Observer = Nobody()
        super().__init__(_NAME, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return _File(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        with self.call(Call("delete", filename, is_sqlite=True)):
            super().xDelete(filename, syncdir)
        if syncdir:
            self.observer.after(Call("sync-folder", os.path.dirname(filename), is_sqlite=True))  # noqa: PTH120 (as above)

    def excepthook(self, *_: object) -> bool:
        """Say nothing of refused calls: SQLite's answer to them is what is looked at."""
        return True

    @contextmanager
    def call(self, call: Call) -> Iterator[None]:
        """Make a call under the observer's eyes; a refusal reaches SQLite as the code that os_unix.c gives."""
        try:
            self.observer.before(call)
        except OSError as error:
            raise _as_sqlite(call, error) from error
        yield
        self.observer.after(call)


_CODES = {
    "open": apsw.SQLITE_CANTOPEN,
    "create": apsw.SQLITE_CANTOPEN,
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "delete": apsw.SQLITE_IOERR_DELETE,
}


def _as_sqlite(call: Call, error: OSError) -> Exception:
    if call.does == "write" and error.errno == errno.ENOSPC:
        return apsw.exception_for(apsw.SQLITE_FULL)
    return apsw.exception_for(_CODES[call.does])


@functools.cache
def _vfs() -> _Vfs:
    """Register the VFS once: the cipher's layer over it, which SQLite makes, stays for good and points to it."""
    return _Vfs()


class _RawFile(io.FileIO):
    """A file of Python's whose writes and truncations are shown."""

    observer: Observer

    def write(self, data: Any, /) -> int:
        content = bytes(data)
        call = Call("write", str(self.name), self.tell(), content)
        self.observer.before(call)
        written = super().write(content)
        self.observer.after(call)
        return written

    def readall(self) -> bytes:
        self.observer.before(Call("read", str(self.name)))
        return super().readall()


class _Python:
    """Python's own calls for files in a folder, each shown to the observer."""

    def __init__(self, root: str, observer: Observer) -> None:
        self._root = root
        self._observer = observer
        self._real = {name: getattr(os, name) for name in (
            "fsync", "replace", "unlink", "open", "write", "pwrite", "ftruncate")}  # fmt: skip
        self._real_path_open = pathlib.Path.open

    def path_open(self) -> Any:
        """Give what stands for `Path.open`."""
        python = self

        def open_path(path: pathlib.Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            return python._open_path(path, mode, *arguments, **named)

        return open_path

    def _open_path(self, path: pathlib.Path, mode: str, *arguments: Any, **named: Any) -> Any:
        if not self._is_ours(path):
            return self._real_path_open(path, mode, *arguments, **named)
        kind, is_text = mode.replace("b", "").replace("t", ""), "b" not in mode
        with self._shown(*self._opening(str(path), truncates="w" in kind, creates="r" not in kind)):
            raw = _RawFile(str(path), kind)
        raw.observer = self._observer
        buffered: Any
        if "+" in kind:
            buffered = io.BufferedRandom(raw)
        else:
            buffered = io.BufferedReader(raw) if kind == "r" else io.BufferedWriter(raw)
        return io.TextIOWrapper(buffered, encoding=named.get("encoding")) if is_text else buffered

    def os_open(self, path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        """Stand for `os.open`."""
        opening: tuple[Call, ...] = ()
        if self._is_ours(path):
            opening = self._opening(
                str(path), truncates=bool(flags & os.O_TRUNC), creates=bool(flags & os.O_CREAT)
            )  # fmt: skip
        with self._shown(*opening):
            descriptor: int = self._real["open"](path, flags, *arguments, **named)
        return descriptor

    def write(self, descriptor: int, data: Any) -> int:
        """Stand for `os.write`."""
        path = _path_of(descriptor)
        calls = (Call("write", path, os.lseek(descriptor, 0, os.SEEK_CUR), bytes(data)),) if self._is_ours(path) else ()
        with self._shown(*calls):
            written: int = self._real["write"](descriptor, data)
        return written

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        """Stand for `os.pwrite`."""
        path = _path_of(descriptor)
        with self._shown(*((Call("write", path, offset, bytes(data)),) if self._is_ours(path) else ())):
            written: int = self._real["pwrite"](descriptor, data, offset)
        return written

    def ftruncate(self, descriptor: int, size: int) -> None:
        """Stand for `os.ftruncate`."""
        path = _path_of(descriptor)
        with self._shown(*((Call("truncate", path, size=size),) if self._is_ours(path) else ())):
            self._real["ftruncate"](descriptor, size)

    def fsync(self, descriptor: int) -> None:
        """Stand for `os.fsync`, of a file or a folder."""
        path = _path_of(descriptor)
        does = "sync-folder" if os.path.isdir(path) else "sync"  # noqa: PTH112 (Path would open it through us)
        with self._shown(*((Call(does, path),) if self._is_ours(path) else ())):
            self._real["fsync"](descriptor)

    def replace(self, source: Any, target: Any, **named: Any) -> None:
        """Stand for `os.replace` and `os.rename`."""
        call = Call("rename", str(source), target=str(target))
        with self._shown(*((call,) if self._is_ours(source) or self._is_ours(target) else ())):
            self._real["replace"](source, target, **named)

    def unlink(self, path: Any, **named: Any) -> None:
        """Stand for `os.unlink`."""
        is_there = os.path.lexists(path)
        with self._shown(*((Call("delete", str(path)),) if is_there and self._is_ours(path) else ())):
            self._real["unlink"](path, **named)

    def _opening(self, path: str, *, truncates: bool, creates: bool) -> tuple[Call, ...]:
        if not os.path.exists(path):  # noqa: PTH110 (as above)
            return (Call("create", path),) if creates else (Call("open", path),)
        return (Call("truncate", path),) if truncates else (Call("open", path),)

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, str | pathlib.Path) and str(path).startswith(self._root)

    @contextmanager
    def _shown(self, *calls: Call) -> Iterator[None]:
        for call in calls:
            self._observer.before(call)
        yield
        for call in calls:
            self._observer.after(call)


def _path_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 (as above)
    except OSError:
        return ""
