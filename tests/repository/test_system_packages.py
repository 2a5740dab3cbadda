"""Which packages are found missing, what is said before they are installed, and what happens where they cannot be."""

import os
import sys
from pathlib import Path

import pytest

from scripts import system_packages
from scripts.system_packages import CannotInstallError, Purpose

BROWSER = "chromium libatomic1"


class Machine:
    """A machine whose package tools are stand-ins on PATH: apt-get writes down what it was asked and obeys."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.asked = folder / "asked"
        self.packages = folder / "packages"
        self.bin.mkdir()
        self.asked.touch()
        self.packages.touch()
        self.program("dpkg-query", f'cat "{self.packages}"')
        self.apt_get(code=0)

    def program(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def apt_get(self, *, code: int) -> None:
        self.program("apt-get", f'echo "$@" >> "{self.asked}"\necho "apt says no"\nexit {code}')

    def has(self, *lines: str) -> None:
        self.packages.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_packages, "is_ubuntu", lambda: False)
    return made


def test_what_is_missing_is_named_with_its_reason_and_installed(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has("installed\tchromium, www-browser", "config-files\tlibatomic1, ")
    system_packages.ensure("make demo", ["browser"])
    update, install = machine.asked.read_text().splitlines()
    assert update.endswith(" update")
    assert install.endswith(" install --yes --no-install-recommends libatomic1")
    said = capsys.readouterr().out
    assert said.index("for the client's browser: libatomic1") < said.index("Installing them with apt-get")


def test_nothing_missing_asks_nothing_and_says_nothing(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has("installed\tchromium, www-browser (= 1.2)", "installed\tlibatomic1-next, libatomic1 (= 12.2), other")
    system_packages.ensure("make demo", ["browser"])
    assert machine.asked.read_text() == ""
    assert capsys.readouterr().out == ""


def test_without_root_the_command_to_type_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine.program("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(CannotInstallError, match=f"sudo apt-get install --no-install-recommends {BROWSER}"):
        system_packages.ensure("make demo", ["browser"])
    assert machine.asked.read_text() == ""


def test_sudo_without_a_password_is_used(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine.program("sudo", '[ "$1" = -n ] && shift && exec "$@"')
    system_packages.ensure("make demo", ["browser"])
    assert BROWSER in machine.asked.read_text()


def test_a_failing_apt_get_is_shown_with_what_it_said(machine: Machine) -> None:
    machine.apt_get(code=100)
    with pytest.raises(CannotInstallError, match=r"(?s)apt says no.*could not install.*chromium"):
        system_packages.ensure("make demo", ["browser"])


def test_another_system_is_told_what_the_command_counts_on(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine.bin / "dpkg-query").unlink()
    monkeypatch.setenv("PATH", str(machine.bin))
    system_packages.ensure("make demo", ["browser"])
    assert BROWSER in capsys.readouterr().out
    assert machine.asked.read_text() == ""


def test_check_needs_no_packages_of_its_own() -> None:
    assert all(one.reason == "for the virtual environment" for one in system_packages.needed([]))


def test_ubuntus_snap_is_not_asked_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_packages, "is_ubuntu", lambda: True)
    system_packages.ensure("make demo", ["browser"])
    asked = machine.asked.read_text().split()
    assert "libnss3" in asked
    assert "chromium" not in asked


@pytest.mark.parametrize(("prefix", "is_wanted"), [("/usr", True), ("/opt/python", False)])
def test_packaging_needs_libpython_where_the_system_splits_it_off(
    monkeypatch: pytest.MonkeyPatch, prefix: str, *, is_wanted: bool
) -> None:
    monkeypatch.setattr(sys, "base_prefix", prefix)
    names = system_packages.needed(["packaging"])[-1].packages
    assert any(name.startswith("libpython3.") for name in names) == is_wanted


def test_a_purpose_that_lacks_nothing_falls_out() -> None:
    wanted = [Purpose("a", ("one", "two")), Purpose("b", ("three",))]
    assert system_packages.lacking(wanted, {"one", "three"}) == [Purpose("a", ("two",))]
