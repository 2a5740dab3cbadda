"""A small run of each part as `make torture` makes it, and proof that each would notice."""

import copy
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from tests.torture import checking, copies, damage, faults, kill
from tests.torture.__main__ import PARTS
from tests.torture.checking import examine
from tests.torture.crash import Disk
from tests.torture.disk import VFS, Call, observed
from tests.torture.parts import Part, Result, run_part
from tests.torture.script import Expected, Script, Step, open_tortured, perform
from tracker.domain.errors import TrackerError
from tracker.store import recovery
from tracker.store.buffer import Buffer

_DOUBLE_A_ROW = """
    INSERT INTO worked SELECT id + 1000, contract, start_ms, end_ms, kind, memo, label, policy_version, clock_offset_ms,
    is_provisional, boot_id FROM worked ORDER BY id DESC LIMIT 1
"""
_SMALL = {"kill": 25, "kill-program": 25, "power": 400, "power-control": 4, "faults": 60, "damage": 100, "copies": 40}
_LARGER = {"kill": 250, "kill-program": 50, "power": 1_500, "power-control": 8, "faults": 300, "damage": 250,
           "copies": 240}  # fmt: skip


@pytest.mark.parametrize("part", [part.name for part in PARTS])
def test_a_small_run_of_each_part(part: str, tmp_path: Path) -> None:
    _run(part, _SMALL[part], "1", tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", [part.name for part in PARTS])
def test_a_larger_run_of_each_part(part: str, tmp_path: Path) -> None:
    """Another seed than the small run's, so that both find what they can."""
    _run(part, _LARGER[part], "larger", tmp_path)


def _run(part: str, count: int, seed: str, state: Path) -> None:
    words = ["--only", part, "--count", str(count), "--seed", seed, "--state", str(state)]
    run = subprocess.run(
        [sys.executable, "-m", "tests.torture", *words], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{part}: ok — " in run.stdout


# Going on, and telling


def _part(run: Callable[[str, int], Result]) -> Part:
    return Part(name="example", does="examples", thing="things", total=6, size=2, run=run)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    ran: list[int] = []
    is_interrupted = True

    def unit(_: str, number: int) -> Result:
        if number == 2 and is_interrupted:
            raise KeyboardInterrupt
        ran.append(number)
        return Result(counts=Counter(things=2), most={"size": number})

    with pytest.raises(KeyboardInterrupt):
        run_part(_part(unit), seed="1", total=6, state=tmp_path, jobs=1, say=lambda _: None)
    is_interrupted = False
    said: list[str] = []
    standing = run_part(_part(unit), seed="1", total=6, state=tmp_path, jobs=1, say=said.append)
    assert ran == [0, 1, 2]
    assert said[0] == "example: goes on after 4 of 6 things"
    assert standing.result.counts == {"things": 6}
    assert said[-1].startswith("example: ok — 6 things, size at most 2; ")


def test_another_seed_begins_anew(tmp_path: Path) -> None:
    ran: list[str] = []

    def unit(seed: str, _: int) -> Result:
        ran.append(seed)
        return Result()

    for seed in ("1", "1", "2"):
        run_part(_part(unit), seed=seed, total=2, state=tmp_path, jobs=1, say=lambda _: None)
    assert ran == ["1", "2"]


def test_a_failure_comes_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    def unit(_: str, number: int) -> Result:
        if number == 1:
            raise ValueError("a mistake of the torture's own is a failure, too")
        return Result()

    said: list[str] = []
    standing = run_part(_part(unit), seed="7", total=4, state=tmp_path, jobs=1, say=said.append)
    assert len(standing.result.failures) == 1
    assert any("replay: python -m tests.torture --only example --seed 7 --unit 1" in text for text in said)
    assert said[-1].startswith("example: 1 FAILURES")


# What the comparison must notice


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Script, Expected]:
    """A buffer with sealed and unsealed work, all as expected."""
    folder = tmp_path_factory.mktemp("template") / "data"
    script, expected = Script("noticing"), Expected()
    with closing((buffer := open_tortured(folder)).database):
        while not (expected.steps > 150 and expected.unsealed and expected.snapshots and expected.uploads):
            script.run(buffer, expected)
        assert examine(buffer, script, expected).problems == []
    return folder, script, expected


@pytest.fixture
def worked(template: tuple[Path, Script, Expected], tmp_path: Path) -> tuple[Path, Script, Expected]:
    """A copy of it, to be harmed."""
    folder, script, expected = template
    shutil.copytree(folder, tmp_path / "data")
    return tmp_path / "data", script, copy.deepcopy(expected)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM worked WHERE id = (SELECT max(id) FROM worked)",
        "UPDATE worked SET end_ms = end_ms + 1 WHERE id = (SELECT max(id) FROM worked)",
        _DOUBLE_A_ROW,
        "UPDATE activity SET keys = keys + 1",
        "DELETE FROM snapshot WHERE id = (SELECT max(id) FROM snapshot)",
        "DELETE FROM upload",
        "UPDATE revision SET state = 'accepted' WHERE state = 'waiting'",
        "UPDATE revision SET salt = zeroblob(32) WHERE link = 1",
        "UPDATE setting SET value = x'313030' WHERE name = 'torture_step'",
    ],
)
def test_a_row_that_is_lost_changed_or_doubled_is_noticed(worked: tuple[Path, Script, Expected], harm: str) -> None:
    folder, script, expected = worked
    with closing((buffer := open_tortured(folder)).database):
        with buffer.database.transaction():
            assert buffer.database.execute(harm) > 0
        assert examine(buffer, script, expected).problems


def test_a_picture_without_a_file_and_a_file_without_a_row_are_noticed(
    worked: tuple[Path, Script, Expected], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, script, expected = worked
    with closing((buffer := open_tortured(folder)).database):
        buffer.pictures.destroy(min(expected.names()))
        buffer.pictures.put(b"nobody names this")
        with monkeypatch.context() as patched:
            patched.setattr(checking, "_repair_pictures", lambda _: True)
            finding = examine(buffer, script, expected)
        assert any("no file" in problem for problem in finding.problems)
        assert any("1 orphan pictures are left" in problem for problem in finding.problems)
        assert examine(buffer, script, expected).orphans == 0, "the store's own repair destroys it"


def test_a_store_that_acknowledges_too_early_is_found_out(tmp_path: Path) -> None:
    """The negative control of the kills: what was said to be done is not there after them."""
    script, expected = Script("early"), Expected()
    with closing((buffer := open_tortured(tmp_path)).database):
        for _ in range(20):
            script.run(buffer, expected)
    for _ in range(2):  # one step more may be under way, two may not
        expected.take(script.next(expected))
    with closing((buffer := open_tortured(tmp_path)).database):
        assert examine(buffer, script, expected).problems


def test_a_store_that_says_saved_falsely_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the faults: a refusal that is swallowed."""

    def lie(buffer: Buffer, step: Step) -> None:
        with suppress(TrackerError):
            perform(buffer, step)

    monkeypatch.setattr(faults, "perform", lie)
    assert faults.run("1", 15).failures


def test_damage_that_is_not_told_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the damage: a lost file that is begun anew, as if there had been none."""
    removed = damage.DAMAGES["removed"]
    harmless = dict.fromkeys(damage.DAMAGES, damage.DAMAGES["undamaged"])
    is_known = damage._Damage(_remove_all)
    monkeypatch.setattr(damage, "DAMAGES", harmless | {"truncated": is_known})
    assert removed.needs_commit_number
    assert damage.run("1", 0).failures


def test_a_recovery_that_forgets_the_copy_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A negative control of the copies: only what the damaged file still gives counts."""
    monkeypatch.setattr(recovery, "copies_in", lambda _: [])
    assert any("was in the copy and is lost" in one or "is good" in one for one in copies.run("1", 0).failures)


def test_a_recovery_that_forgets_the_damaged_file_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recovery._read

    def nothing(damaged: apsw.Connection, name: str, key: str) -> recovery._Table:
        return recovery._Table(whole(damaged, name, key).columns)

    monkeypatch.setattr(recovery, "_read", nothing)
    assert any("is in quarantine alone" in one for one in copies.run("1", 0).failures)


def test_a_destroyed_memo_that_stays_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_destroy_a_memo", lambda buffer: buffer.settings.put("kept", copies._DESTROYED * 400))
    assert any("a destroyed memo is in" in one for one in copies.run("1", 0).failures)


def test_a_figure_that_is_told_wrongly_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Buffer, "recovery_report", lambda _: "restored: 9999 sealed segments and 1 minutes not sealed")
    assert any("were told" in one for one in copies.run("1", 0).failures)


def _remove_all(folder: Path, _base: object, _chance: random.Random) -> None:
    for path in folder.glob("buffer.*"):
        path.unlink()


def test_a_killed_child_is_taken_at_its_last_whole_word() -> None:
    script, expected, result = Script("words"), Expected(), Result()
    assert kill._take_in(b"found 0 2 ok\ndone\ndone\ndon", script, expected, result) == 2
    assert expected.steps == 2
    assert result.counts["orphan pictures found"] == 2
    kill._take_in(b"found 0 0 a row is lost\n", script, expected, result)
    assert result.failures == ["after step 2: a row is lost"]


# The disk


def test_all_that_is_asked_of_the_disk_is_seen_as_ciphertext(tmp_path: Path) -> None:
    seen: list[Call] = []

    class Watch:
        def before(self, call: Call) -> None:
            pass

        def after(self, call: Call) -> None:
            seen.append(call)

    with observed(tmp_path, Watch()):
        buffer = open_tortured(tmp_path, vfs=VFS)
        buffer.settings.put("name", "a memo that nobody may read")
        buffer.pictures.put(b"a picture that nobody may see")
        buffer.database.close()
    written = b"".join(call.content for call in seen)
    assert not any(text in written for text in (b"nobody may", b"SQLite format", b"CREATE TABLE"))
    disk = Disk()
    for call in seen:
        disk.take(call)
    files = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    ways = [disk.crash(random.Random(seed)) for seed in range(20)]
    assert files in ways, "what was written, all of it kept, is what is on the disk"


def test_what_was_synced_is_kept_and_what_was_not_is_not_sure() -> None:
    disk = Disk()
    calls = [
        Call("create", "/a"), Call("write", "/a", 0, b"x" * 1024), Call("sync", "/a"), Call("sync-folder", "/"),
        Call("write", "/a", 0, b"y" * 1024), Call("create", "/b"),
    ]  # fmt: skip
    for call in calls:
        disk.take(call)
    found = [disk.crash(random.Random(seed)) for seed in range(200)]
    halves = {(files["/a"][:512][:1], files["/a"][512:][:1]) for files in found}
    assert halves == {(one, other) for one in (b"x", b"y") for other in (b"x", b"y")}
    assert {"/b" in files for files in found} == {True, False}
