"""The choice of back ends, honest on every desktop, and the doctor who examines them."""

import ast
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import tracker.capture
from stage.waiting import until
from tests.fakes.compositor import ScriptedCompositor
from tests.fakes.idle import FakeIdle
from tests.fakes.input import FakeInput
from tests.fakes.login1 import FakeLogin1, PrivateBus
from tests.fakes.power import FakePower
from tests.fakes.quartz import FakeQuartz
from tests.fakes.screen import FakeScreen
from tests.fakes.wayland import Sway
from tests.fakes.win32 import FakeWin32
from tests.fakes.windows import FakeWindows
from tests.fakes.xserver import XServer
from tracker.capture.input.port import Counts, InputUnavailableError
from tracker.capture.input.windows import WindowsInput
from tracker.capture.macos import RECORDING_STEP
from tracker.capture.platform import INPUT_CHOICE, BackEnds, Finding, _examine_power, choose, doctor
from tracker.capture.power.port import PowerEvent
from tracker.capture.screen.macos import MacScreen
from tracker.capture.screen.port import ScreenUnavailableError
from tracker.capture.screen.windows import WindowsScreen
from tracker.capture.window.port import WindowsUnavailableError
from tracker.clock import monotonic_ms
from tracker.domain.errors import MachineError
from wire.words import ActivitySource


def _now_ms() -> int:
    return 1_000


def _names(back_ends: BackEnds) -> tuple[str, str, str]:
    return back_ends.screen.name, back_ends.input.name, back_ends.idle.name


def test_x11_is_chosen_under_an_x_session() -> None:
    for environ in ({"DISPLAY": ":7"}, {"DISPLAY": ":7", "XDG_SESSION_TYPE": "x11"}, {"DISPLAY": "host:0"}):
        back_ends = choose(environ, _now_ms, system="linux")
        assert _names(back_ends) == ("x11", "x11", "x11")
        assert back_ends.session == "x11"
        assert back_ends.remedy is None


@pytest.mark.parametrize(
    ("environ", "system", "session", "says"),
    [
        ({}, "linux", "none", "DISPLAY is not set"),
        ({"DISPLAY": "", "XDG_SESSION_TYPE": "tty"}, "linux", "none", "DISPLAY is not set"),
        ({"DISPLAY": ":0"}, "freebsd14", "freebsd14", "freebsd14"),
    ],
)
def test_elsewhere_the_nulls_say_why_and_what_to_do(
    environ: dict[str, str], system: str, session: str, says: str
) -> None:
    back_ends = choose(environ, _now_ms, system=system)

    assert _names(back_ends) == ("null", "null", "null")
    assert back_ends.session == session
    assert back_ends.remedy is not None
    with pytest.raises(ScreenUnavailableError, match=says) as screen:
        back_ends.screen.grab()
    with pytest.raises(InputUnavailableError, match=says):
        back_ends.input.start()
    assert back_ends.remedy in str(screen.value)
    with pytest.raises(WindowsUnavailableError, match=says):
        back_ends.windows.visible()


@pytest.mark.parametrize(("system", "session"), [("win32", "windows"), ("darwin", "macos")])
def test_windows_and_macos_have_back_ends_of_their_own(system: str, session: str) -> None:
    back_ends = choose({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, _now_ms, system=system)

    assert _names(back_ends) == (session, session, session)
    assert (back_ends.power.name, back_ends.windows.name, back_ends.session) == (session, session, session)
    assert back_ends.remedy is None


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_back_ends_of_a_system_that_this_is_not_fail_in_sentences(system: str) -> None:
    findings = doctor(choose({}, _now_ms, system=system))

    assert [finding.works for finding in findings] == [False] * 5
    assert all(finding.sentence.endswith(".") and "\n" not in finding.sentence for finding in findings)


@pytest.mark.parametrize(
    "environ",
    [
        {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"},
        {"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"},
        {"WAYLAND_DISPLAY": "wayland-0"},
    ],
)
def test_x11_is_never_asked_for_pictures_of_a_wayland_session(environ: dict[str, str], tmp_path: Path) -> None:
    back_ends = choose({**environ, "XDG_RUNTIME_DIR": str(tmp_path)}, _now_ms, system="linux")

    assert (back_ends.session, _names(back_ends)) == ("wayland", ("wayland", "wayland", "wayland"))
    with pytest.raises(ScreenUnavailableError) as screen:
        back_ends.screen.grab()
    assert str(tmp_path / "wayland-0") in str(screen.value)
    with pytest.raises(InputUnavailableError, match="Wayland compositor does not answer"):
        back_ends.input.start()
    with pytest.raises(WindowsUnavailableError, match="which windows"):
        back_ends.windows.visible()


def test_a_wayland_session_without_any_way_says_all_of_why(tmp_path: Path) -> None:
    bus = PrivateBus(tmp_path)
    with closing(ScriptedCompositor(tmp_path / "wayland-0", ["wl_shm", "wl_output"])):
        environ = {"XDG_SESSION_TYPE": "wayland", "XDG_RUNTIME_DIR": str(tmp_path)}
        finding = doctor(choose(environ, monotonic_ms, system="linux"))[0]
    bus.kill()

    assert (finding.port, finding.back_end, finding.works, finding.remedy) == ("screen", "wayland", False, None)
    assert finding.sentence.startswith(
        "No picture can be taken: the compositor does not offer wlr-screencopy, the compositor is not KWin, and there "
        "is no screenshot portal ("
    )
    assert finding.sentence.endswith("then log in again."), "the step that mends it"


def test_the_doctor_names_the_way_of_a_real_wayland_desktop(sway: Sway) -> None:
    sway.paint(0x336699)
    until(lambda: sway.shows(0x336699), "the colour")
    back_ends = choose(sway.environ, monotonic_ms, system="linux")
    blank = doctor(back_ends)[0]
    assert not blank.works
    assert blank.sentence == (
        "A test picture was taken through wlr-screencopy (1280 × 720), but all of it is one single colour."
    )

    path = sway.folder / "checks.png"
    Image.effect_noise((64, 36), 80).save(path)
    sway.hang_up(path)
    until(lambda: doctor(back_ends)[0].works, "the picture")
    sentence = doctor(back_ends)[0].sentence
    assert sentence == "A test picture was taken through wlr-screencopy and thrown away (1280 × 720)."


def test_under_wayland_idleness_and_active_time_are_watched_without_counts(tmp_path: Path) -> None:
    for environ in (
        {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"},
        {"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"},
        {"WAYLAND_DISPLAY": str(tmp_path / "wayland-7"), "XDG_RUNTIME_DIR": "/nowhere"},
    ):
        back_ends = choose(environ, _now_ms, system="linux")
        assert (back_ends.input.name, back_ends.idle.name, back_ends.session) == ("wayland", "wayland", "wayland")
        assert back_ends.input.source is ActivitySource.ACTIVE_SECONDS


def test_a_person_can_choose_the_devices_under_wayland_and_nowhere_else() -> None:
    choice = {INPUT_CHOICE: "evdev"}
    back_ends = choose({"WAYLAND_DISPLAY": "wayland-0", **choice}, _now_ms, system="linux")
    assert (back_ends.input.name, back_ends.idle.name) == ("evdev", "evdev")
    assert back_ends.input.source is ActivitySource.COUNTS
    assert choose({"DISPLAY": ":7", **choice}, _now_ms, system="linux").input.name == "x11"
    with pytest.raises(MachineError, match="DAYBOOK_INPUT is “uinput”"):
        choose({"WAYLAND_DISPLAY": "wayland-0", INPUT_CHOICE: "uinput"}, _now_ms, system="linux")


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, tracker.capture.platform, tracker.capture.picture\n"
        "from tracker.capture.platform import choose\n"
        "heavy = {'mss', 'PIL', 'Xlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "choose({}, lambda: 0)\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "choose({'WAYLAND_DISPLAY': 'wayland-0', 'XDG_RUNTIME_DIR': '/nowhere'}, lambda: 0)\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "choose({'DISPLAY': ':7'}, lambda: 0)\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.splitlines() == ["[]", "[]", "[]", "['Xlib']"]


def test_only_this_module_asks_which_platform_it_is() -> None:
    asking = {
        path.relative_to(Path(tracker.capture.__file__).parent).as_posix()
        for path in Path(tracker.capture.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"platform", "environ", "getenv"})
        or (isinstance(node, ast.Import | ast.ImportFrom) and any(name.name == "os" for name in node.names))
    }

    assert asking == {"platform.py"}


# The doctor.


def _fakes() -> tuple[FakeScreen, FakeInput, FakeIdle, BackEnds]:
    screen, counter, watch = FakeScreen((64, 36), (20, 10)), FakeInput(_now_ms), FakeIdle()
    return screen, counter, watch, BackEnds(screen, counter, watch, FakePower(), "fake", windows=FakeWindows())


def _by_port(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    assert [finding.port for finding in findings] == ["screen", "input", "idle", "power", "windows"]
    return {finding.port: finding for finding in findings}


def test_a_healthy_machine_works_in_every_port() -> None:
    screen, counter, _, back_ends = _fakes()
    findings = doctor(back_ends)

    assert all(finding.works and finding.remedy is None for finding in findings)
    assert "64 × 36, 20 × 10" in findings[0].sentence
    assert screen.grabs == 1, "the picture is really taken"
    assert not counter.running, "what the doctor started it stops"


def test_a_running_counter_goes_on_undisturbed() -> None:
    _, counter, watch, back_ends = _fakes()
    counter.start()
    counter.press(keys=5)
    watch.look(500)
    watch.move()
    doctor(back_ends)

    assert counter.running
    assert counter.take() == Counts(5, 0, 0)
    assert watch.look(900).moved, "the doctor's look is not the session's"


def test_on_windows_the_doctor_says_what_elevated_windows_hide() -> None:
    windows = FakeWin32()
    _, _, _, fakes = _fakes()
    back_ends = replace(fakes, input=WindowsInput(_now_ms, windows.load, windows.last_error))
    finding = _by_port(doctor(back_ends))["input"]

    assert finding.works
    assert "windows that run as administrator" in finding.sentence
    assert finding.sentence.endswith("To have it counted, start Daybook as administrator too.")
    windows.elevated = True
    assert "administrator" not in _by_port(doctor(back_ends))["input"].sentence


def test_on_windows_the_doctor_says_what_a_missing_resolution_needs() -> None:
    windows = FakeWin32()
    windows.refuses = {"SetThreadDpiAwarenessContext"}
    _, _, _, fakes = _fakes()
    finding = _by_port(doctor(replace(fakes, screen=WindowsScreen(windows.load, windows.open_mss))))["screen"]

    assert not finding.works
    assert finding.sentence.endswith("Update to Windows 10 1809 or later.")


def test_on_macos_the_doctor_says_where_to_allow_pictures_and_to_start_again() -> None:
    quartz = FakeQuartz()
    quartz.granted = False
    quartz.answer.set()
    _, _, _, fakes = _fakes()
    finding = _by_port(doctor(replace(fakes, screen=MacScreen(quartz.load))))["screen"]

    assert not finding.works
    assert finding.sentence.endswith(RECORDING_STEP)


def test_a_black_screen_does_not_work() -> None:
    screen, _, _, back_ends = _fakes()
    screen.paint(b"\0\0\0")
    finding = _by_port(doctor(back_ends))["screen"]

    assert not finding.works
    assert "one single colour" in finding.sentence
    assert finding.remedy


def test_each_failure_is_told_at_its_own_port() -> None:
    screen, counter, watch, back_ends = _fakes()
    screen.lost, counter.lost, watch.lost = "No screen.", "No input.", "No pointer."
    assert isinstance(back_ends.power, FakePower)
    back_ends.power.lost = "No bus."
    assert isinstance(back_ends.windows, FakeWindows)
    back_ends.windows.lost = "No windows."
    found = _by_port(doctor(back_ends))

    assert {port: (finding.works, finding.sentence) for port, finding in found.items()} == {
        "screen": (False, "No screen."),
        "input": (False, "No input."),
        "idle": (False, "No pointer."),
        "power": (False, "No bus."),
        "windows": (False, "No windows."),
    }
    assert "approve" in (found["windows"].remedy or "")


def test_nulls_never_pass_for_working() -> None:
    findings = doctor(choose({}, _now_ms, system="linux"))[:3]

    assert not any(finding.works for finding in findings)
    assert all(finding.remedy and finding.back_end == "null" for finding in findings)


def test_the_doctor_works_on_a_real_display_and_types_nothing(x_server: XServer) -> None:
    x_server.fill(0x336699, 10, 10, 50, 50)
    back_ends = choose({"DISPLAY": x_server.display}, _now_ms, system="linux")
    witness = choose({"DISPLAY": x_server.display}, _now_ms, system="linux").input
    witness.start()
    findings = doctor(back_ends)
    witness.stop()
    back_ends.idle.close()

    assert [finding.works for finding in findings[:3]] == [True, True, True]
    assert [finding.back_end for finding in findings] == ["x11", "x11", "x11", "login1", "x11"]
    assert witness.take() == Counts(0, 0, 0), "no test key reaches the person's window"


def test_the_doctor_notices_a_display_that_is_gone(x_server: XServer) -> None:
    back_ends = choose({"DISPLAY": x_server.display}, _now_ms, system="linux")
    x_server.kill()
    findings = doctor(back_ends)[:3]

    assert not any(finding.works for finding in findings)
    assert all(x_server.display in finding.sentence for finding in findings)


def test_what_a_desktop_hides_is_told_with_the_step_that_helps() -> None:
    _, _, watch, back_ends = _fakes()
    watch.hidden = "A video hides it."
    finding = _by_port(doctor(back_ends))["idle"]

    assert finding.works
    assert finding.sentence.endswith("A video hides it.")
    assert finding.remedy is not None
    assert INPUT_CHOICE in finding.remedy


def test_the_doctor_tells_of_a_real_wayland_desktop(sway: Sway, tmp_path: Path) -> None:
    back_ends = choose(sway.environ, monotonic_ms, system="linux")
    found = _by_port(doctor(back_ends))
    assert (found["idle"].works, found["input"].works) == (True, True)
    assert "While a video or a call" in found["idle"].sentence, "sway 1.7 obeys inhibitors"
    assert "without counts" in found["input"].sentence
    assert not back_ends.input.running, "what the doctor started it stops"

    bare = {"WAYLAND_DISPLAY": str(tmp_path / "none"), "XDG_RUNTIME_DIR": str(tmp_path)}
    findings = doctor(choose(bare, monotonic_ms, system="linux"))
    for finding in findings[1:3]:
        assert not finding.works
        assert "does not answer" in finding.sentence
        assert finding.remedy


def test_power_is_chosen_by_the_system_and_not_by_the_display(tmp_path: Path) -> None:
    bus = PrivateBus(tmp_path)
    login1 = FakeLogin1(bus.address)
    for display in ({}, {"DISPLAY": ":7"}, {"WAYLAND_DISPLAY": "wayland-0"}):
        environ = {**display, "DBUS_SYSTEM_BUS_ADDRESS": bus.address, "XDG_SESSION_ID": "2"}
        back_ends = choose(environ, monotonic_ms, system="linux")
        finding = _examine_power(back_ends.power)
        assert (finding.works, finding.remedy) == (True, None)
        assert not back_ends.power.running, "what the doctor started it stops"
    login1.close()
    bus.kill()

    finding = _examine_power(back_ends.power)
    assert not finding.works
    assert finding.sentence.endswith(".")


def test_a_running_power_watch_goes_on_undisturbed() -> None:
    _, _, _, back_ends = _fakes()
    heard: list[PowerEvent] = []
    back_ends.power.start(heard.append)
    doctor(back_ends)
    assert isinstance(back_ends.power, FakePower)
    back_ends.power.say(PowerEvent.LOCKED)

    assert heard == [PowerEvent.LOCKED]
