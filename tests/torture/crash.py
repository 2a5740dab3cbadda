"""A disk that loses its power: what it surely holds at each moment, and what it may hold of the rest.

What was synced is kept. Of what was not, each write is kept, dropped, torn at 512-byte sectors or made in another
order; a file that grew may hold zeros or rubbish where nothing arrived. Directory entries follow in their order until
their folder is synced, as a journalling file system has them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.disk import Call

SECTOR = 512


@dataclass(slots=True)
class _Content:
    """One file: what is surely on the disk, and the writes and truncations since its last sync."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)

    def settle(self) -> None:
        for call in self.pending:
            _apply(self.durable, call)
        self.pending.clear()


@dataclass(slots=True)
class Disk:
    """A folder's files on a disk whose power may go."""

    _names: dict[str, _Content] = field(default_factory=dict)
    _durable_names: dict[str, _Content] = field(default_factory=dict)
    _pending_names: list[tuple[str, str, _Content | None]] = field(default_factory=list)

    @classmethod
    def holding(cls, folder: Path) -> Disk:
        """Give a disk that holds a folder's files, all of them surely."""
        disk = cls()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                disk._names[str(path)] = _Content(bytearray(path.read_bytes()))
        disk._durable_names = dict(disk._names)
        return disk

    def take(self, call: Call) -> None:
        """Take a call in."""
        match call.does:
            case "create":
                self._name(call.path, _Content())
            case "write" | "truncate":
                self._names[call.path].pending.append(call)
            case "sync":
                self._names[call.path].settle()
            case "sync-folder":
                for does, path, content in self._pending_names:
                    _enter(self._durable_names, does, path, content)
                self._pending_names.clear()
            case "rename":
                content = self._names.pop(call.path)
                self._names[call.target] = content
                self._pending_names.append((call.path, call.target, content))
            case "delete":
                self._names.pop(call.path, None)
                self._pending_names.append((call.path, "", None))

    def crash(self, chance: random.Random) -> dict[str, bytes]:
        """Give the files that may be found after the power went now, by path."""
        names = dict(self._durable_names)
        for does, path, content in self._pending_names[: chance.randint(0, len(self._pending_names))]:
            _enter(names, does, path, content)
        way = chance.choice(("all", "none", "some", "some", "torn", "torn", "shuffled"))
        return {path: _survivor(content, way, chance) for path, content in names.items()}

    def _name(self, path: str, content: _Content) -> None:
        self._names[path] = content
        self._pending_names.append((path, path, content))


def _enter(names: dict[str, _Content], source: str, target: str, content: _Content | None) -> None:
    names.pop(source, None)
    if content is not None:
        names[target] = content


def _survivor(content: _Content, way: str, chance: random.Random) -> bytes:
    """Give one possible content of a file after the crash."""
    found = bytearray(content.durable)
    calls = list(content.pending)
    if way == "none" or not calls:
        return bytes(found)
    if way == "shuffled":
        chance.shuffle(calls)
    grown_to = len(found)
    for call in calls:
        if call.does == "write":
            grown_to = max(grown_to, call.offset + len(call.content))
        if way == "some" and chance.random() < 0.5:
            continue
        if way in {"torn", "shuffled"} and call.does == "write":
            _apply_torn(found, call, chance)
        else:
            _apply(found, call)
    if way != "all" and chance.random() < 0.3 and grown_to > len(found):  # its size arrived, its sectors did not
        missing = grown_to - len(found)
        found += chance.randbytes(missing) if chance.random() < 0.5 else bytes(missing)
    return bytes(found)


def _apply(content: bytearray, call: Call) -> None:
    if call.does == "truncate":
        del content[call.size :]
        content.extend(bytes(call.size - len(content)))
        return
    _put(content, call.offset, call.content)


def _apply_torn(content: bytearray, call: Call, chance: random.Random) -> None:
    """Write some of the sectors that a write touches."""
    at, end = call.offset, call.offset + len(call.content)
    while at < end:
        until = min(end, at - at % SECTOR + SECTOR)
        if chance.random() < 0.6:
            _put(content, at, call.content[at - call.offset : until - call.offset])
        at = until


def _put(content: bytearray, offset: int, part: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(part)] = part
