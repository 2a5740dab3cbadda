"""When the virtual environment is trusted, when it is made anew, and how uv learns what pip knows."""

import json
import sys
from pathlib import Path

import pytest

from scripts import environment
from scripts.environment import CannotPrepareError, State

LOCK = r"""attrs==1.0 \
    --hash=sha256:00
    # via x
uv==0.9 \
    --hash=sha256:11 \
    --hash=sha256:22
xyz==1
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose environment is complete; what would install packages does nothing."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / environment.LOCK).write_text(LOCK)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    make_environment(tmp_path)
    monkeypatch.setattr(environment, "_install", lambda _root: None)
    environment.ensure(tmp_path)
    return tmp_path


def make_environment(root: Path) -> None:
    """Lay out `.venv` with a Python that runs and a stamp of other inputs."""
    (root / ".venv/bin").mkdir(parents=True)
    (root / environment.PYTHON).symlink_to(sys.executable)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stamp = {"place": str(root), "python": version, "inputs": "others"}
    (root / environment.STAMP).write_text(json.dumps(stamp))


def test_a_complete_environment_is_ready(checkout: Path) -> None:
    assert environment.state(checkout) is State.READY


@pytest.mark.parametrize("path", environment.INPUTS)
def test_changed_inputs_bring_it_up_to_date(checkout: Path, path: Path) -> None:
    with (checkout / path).open("a") as file:
        file.write("# changed\n")
    assert environment.state(checkout) is State.OUTDATED
    environment.ensure(checkout)
    assert environment.state(checkout) is State.READY


def test_an_interrupted_installation_is_not_trusted(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_root: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "_install", interrupted)
    (checkout / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(KeyboardInterrupt):
        environment.ensure(checkout)
    assert environment.state(checkout) is State.UNFINISHED


def test_a_moved_checkout_is_noticed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = checkout.rename(tmp_path_factory.mktemp("elsewhere") / "daybook")
    assert environment.state(moved) is State.MOVED


def test_a_python_that_has_gone_is_noticed(checkout: Path) -> None:
    (checkout / environment.PYTHON).unlink()
    (checkout / environment.PYTHON).symlink_to("/nonexistent/python3")
    assert environment.state(checkout) is State.MOVED


def test_no_environment_is_absent(tmp_path: Path) -> None:
    assert environment.state(tmp_path) is State.ABSENT


def test_a_truncated_stamp_is_not_trusted(checkout: Path) -> None:
    (checkout / environment.STAMP).write_text('{"place": ')
    assert environment.state(checkout) is State.UNFINISHED


def test_a_command_that_fails_says_which(tmp_path: Path) -> None:
    with pytest.raises(CannotPrepareError, match=r"failed .*: false"):
        environment._run(tmp_path, ["false"])


def test_uvs_own_lines_are_cut_out_of_the_lock() -> None:
    assert environment.lines_of("uv", LOCK) == "uv==0.9 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"
    with pytest.raises(CannotPrepareError, match="does not pin pip"):
        environment.lines_of("pip", LOCK)


def test_uv_follows_pips_configuration() -> None:
    listed = (
        "global.extra-index-url='file:///one file:///two'\n"
        "global.find-links='\\n/wheels\\n/more'\n"
        "global.index-url='https://general.example'\n"
        "install.index-url='https://install.example'\n"
        ":env:.cert='/etc/company.crt'\n"
        "global.timeout='60'\n"
    )
    found = environment.from_pip(listed)
    assert found["UV_INDEX"] == "file:///one file:///two"
    assert found["UV_FIND_LINKS"] == "/wheels,/more"
    assert found["UV_DEFAULT_INDEX"] == "https://install.example"
    assert found["SSL_CERT_FILE"] == "/etc/company.crt"
    assert "60" not in found.values()


def test_without_a_pip_configuration_uv_goes_its_own_way() -> None:
    assert set(environment.from_pip("")) == {"UV_INDEX_STRATEGY", "UV_SYSTEM_CERTS", "UV_NO_PROGRESS"}
