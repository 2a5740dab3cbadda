"""Chooses the back ends for this machine, and examines them; the only place that asks which platform this is."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from tracker.capture.idle.port import IdleWatch, NullIdle
from tracker.capture.input.port import InputCounter, InputUnavailableError, NullInput
from tracker.capture.picture import is_blank
from tracker.capture.power.port import NullPower, PowerUnavailableError, PowerWatch
from tracker.capture.screen.port import NullScreen, Screen, ScreenUnavailableError
from tracker.capture.window.port import NullWindows, WindowList, WindowsUnavailableError
from tracker.domain.errors import MachineError

_SYSTEM = sys.platform

INPUT_CHOICE = "DAYBOOK_INPUT"
"""The environment variable by which a person chooses to have input counted from the kernel's devices: evdev."""
_WAYLAND_REMEDY = 'Log out and choose an X11 session at the log-in screen (often named "on Xorg").'
_LIMIT_REMEDY = (
    "Declare reading or a meeting for such work, use a desktop with version 2 of ext-idle-notify, or weigh "
    f"{INPUT_CHOICE}=evdev (the guide says what it costs)."
)
_NO_PICTURES_REMEDY = 'Choose an X11 session at the log-in screen (often named "on Xorg").'
_NO_DISPLAY = "There is no display: DISPLAY is not set, so there is no screen to picture and no input to count."
_NO_DISPLAY_REMEDY = "Start the tracker inside a desktop session, or set DISPLAY to the X server to watch."
_NOT_YET = "Daybook does not support screens, input and idleness on {system} yet."
_NOT_YET_REMEDY = "Use Daybook under X11 on Linux for now."
_NO_WINDOWS = (
    "This desktop does not tell other programs which windows can be seen, so exclusion rules cannot be held to them."
)
_NO_WINDOWS_REMEDY = "While you have rules, no snapshot leaves unless you approve it in its hold."


@dataclass(frozen=True, slots=True)
class BackEnds:
    """The chosen back ends and what sort of session they are for.

    Args:
        screen: takes pictures.
        input: counts input.
        idle: says when the last input was.
        power: tells of suspension, shutdown and the screen lock.
        session: "x11", "wayland", "none", "windows", "macos" or the system's own name.
        remedy: what the person can do where the back ends are null, else None.
        windows: lists the windows that can be seen; most Wayland desktops show them to no program.
    """

    screen: Screen
    input: InputCounter
    idle: IdleWatch
    power: PowerWatch
    session: str
    remedy: str | None = None
    windows: WindowList = field(default_factory=lambda: NullWindows(_NO_WINDOWS))


@dataclass(frozen=True, slots=True)
class Finding:
    """What the examination of one port found.

    Args:
        port: "screen", "input", "idle", "power" or "windows".
        back_end: its name.
        works: whether it works now.
        sentence: what was found, for the person.
        remedy: the step that mends it, or None where nothing is amiss or the sentence already says it.
    """

    port: str
    back_end: str
    works: bool
    sentence: str
    remedy: str | None


def choose(environ: Mapping[str, str], monotonic_ms: Callable[[], int], *, system: str = _SYSTEM) -> BackEnds:
    """Choose the back ends that are honest here; none of them connects to anything yet.

    Wayland is recognised before `DISPLAY`, since Xwayland sets that too and then shows black and counts nothing.

    Args:
        environ: the process's environment.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        system: the platform, as `sys.platform` names it.

    Raises:
        MachineError: the environment asks for something that Daybook does not know.
    """
    power = _choose_power(environ, monotonic_ms, system)
    if system == "win32":
        return _windows(monotonic_ms, power)
    if system == "darwin":
        return _macos(monotonic_ms, power)
    if _is_wayland(environ):
        return _wayland(environ, monotonic_ms, power)
    if not system.startswith("linux"):
        return _nulls(_NOT_YET.format(system=system), _NOT_YET_REMEDY, power, system)
    display = environ.get("DISPLAY")
    if not display:
        return _nulls(_NO_DISPLAY, _NO_DISPLAY_REMEDY, power, "none")

    # python-xlib is not installed elsewhere, and is not needed where there is no X server.
    from tracker.capture.idle.x11 import X11Idle  # noqa: PLC0415
    from tracker.capture.input.x11 import X11Input  # noqa: PLC0415
    from tracker.capture.screen.x11 import X11Screen  # noqa: PLC0415
    from tracker.capture.window.x11 import X11Windows  # noqa: PLC0415

    counter, windows = X11Input(monotonic_ms, display), X11Windows(display)
    return BackEnds(X11Screen(display), counter, X11Idle(counter, display), power, "x11", windows=windows)


def require_display(environ: Mapping[str, str], *, system: str = _SYSTEM) -> None:
    """Make sure that a window can open: Qt ends the whole process where its display does not answer.

    Raises:
        MachineError: there is no display, or it does not answer.
    """
    if not system.startswith("linux") or environ.get("WAYLAND_DISPLAY") or environ.get("QT_QPA_PLATFORM"):
        return
    headless = "To track without a window, start it with: daybook run --headless"
    if not environ.get("DISPLAY"):
        raise MachineError(f"There is no display, so Daybook's window cannot open. {headless}")
    from tracker.capture.xconnection import NoDisplayError, close_display, open_display  # noqa: PLC0415 (as above)

    try:
        close_display(open_display(environ["DISPLAY"]))
    except NoDisplayError as error:
        raise MachineError(f"{error} {headless}") from None


def asks_portals(environ: Mapping[str, str], *, system: str = _SYSTEM) -> bool:
    """Tell whether pictures come through the desktop's portals, which must be able to see who asks them."""
    return system.startswith("linux") and _is_wayland(environ)


def doctor(back_ends: BackEnds) -> tuple[Finding, ...]:
    """Examine every port by really using it; nothing of what it sees is kept.

    Args:
        back_ends: what `choose` gave; those that are in use go on undisturbed.
    """
    return (
        _examine_screen(back_ends.screen, None if back_ends.session == "wayland" else back_ends.remedy),
        _examine_input(back_ends.input, back_ends.remedy),
        _examine_idle(back_ends.idle, back_ends.remedy),
        _examine_power(back_ends.power),
        _examine_windows(back_ends.windows),
    )


def _is_wayland(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("WAYLAND_DISPLAY")) or environ.get("XDG_SESSION_TYPE") == "wayland"


def _choose_power(environ: Mapping[str, str], monotonic_ms: Callable[[], int], system: str) -> PowerWatch:
    """Choose by the system alone: power events do not depend on the desktop's display."""
    # Each is imported where its system's libraries are.
    if system == "win32":
        from tracker.capture.power.windows import WindowsPower  # noqa: PLC0415

        return WindowsPower()
    if system == "darwin":
        from tracker.capture.power.macos import MacPower  # noqa: PLC0415

        return MacPower()
    if not system.startswith("linux"):
        return NullPower(f"Daybook does not hear suspension, shutdown and the screen lock on {system} yet.")
    from tracker.capture.power.login1 import SYSTEM_BUS, Login1Power  # noqa: PLC0415

    return Login1Power(
        monotonic_ms,
        system_bus=environ.get("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM_BUS,
        session_bus=_session_bus(environ),
        session_id=environ.get("XDG_SESSION_ID"),
    )


def _choose_wayland_input(
    environ: Mapping[str, str], monotonic_ms: Callable[[], int]
) -> tuple[InputCounter, IdleWatch]:
    """Choose what the desktop tells of input, and the kernel's devices instead where the person asks for them."""
    from tracker.capture.idle.mutter import MutterMonitor  # noqa: PLC0415 (D-Bus: not needed elsewhere)
    from tracker.capture.idle.notifier import IdleNotifier  # noqa: PLC0415 (likewise)
    from tracker.capture.idle.watcher import Open, Watcher  # noqa: PLC0415 (likewise)
    from tracker.capture.idle.wayland import WaylandIdle  # noqa: PLC0415 (likewise)
    from tracker.capture.input.wayland import ActiveTime  # noqa: PLC0415 (likewise)
    from tracker.capture.wayland import socket_path  # noqa: PLC0415 (likewise)

    compositor = socket_path(environ.get("WAYLAND_DISPLAY"), environ.get("XDG_RUNTIME_DIR"))
    opens: list[Open] = [partial(IdleNotifier, compositor)]
    if (session_bus := _session_bus(environ)) is not None:
        opens.append(partial(MutterMonitor, session_bus))
    watcher = Watcher(tuple(opens), monotonic_ms)
    idle = WaylandIdle(watcher)
    match environ.get(INPUT_CHOICE, ""):
        case "":
            return ActiveTime(watcher, monotonic_ms), idle
        case "evdev":
            from tracker.capture.idle.evdev import EvdevIdle  # noqa: PLC0415 (likewise)
            from tracker.capture.input.evdev import EvdevInput  # noqa: PLC0415 (likewise)

            counter = EvdevInput(monotonic_ms)
            return counter, EvdevIdle(counter, idle)
        case other:
            raise MachineError(
                f"{INPUT_CHOICE} is “{other}”, which Daybook does not know. Set it to evdev, or unset it."
            )


def _choose_wayland_screen(environ: Mapping[str, str], monotonic_ms: Callable[[], int]) -> Screen:
    """Put the ways to a picture in the order in which they disturb least: no file and no prompt come first."""
    # None of them is needed elsewhere, and memory that two programs share is had in another way outside Linux.
    from tracker.capture.screen.wayland import Way, WaylandScreen  # noqa: PLC0415
    from tracker.capture.screen.wayland_kwin import KWinScreenshot  # noqa: PLC0415
    from tracker.capture.screen.wayland_portal import PortalScreenshot  # noqa: PLC0415
    from tracker.capture.screen.wayland_screencopy import Screencopy  # noqa: PLC0415
    from tracker.capture.wayland import socket_path  # noqa: PLC0415

    compositor = socket_path(environ.get("WAYLAND_DISPLAY"), environ.get("XDG_RUNTIME_DIR"))
    ways: list[Way] = [Screencopy(compositor, monotonic_ms)]
    if bus := _session_bus(environ):
        ways.append(KWinScreenshot(bus, compositor, monotonic_ms))
        ways.append(PortalScreenshot(bus, compositor, monotonic_ms))
    return WaylandScreen(ways, monotonic_ms, _NO_PICTURES_REMEDY)


def _session_bus(environ: Mapping[str, str]) -> str | None:
    runtime = environ.get("XDG_RUNTIME_DIR")
    return environ.get("DBUS_SESSION_BUS_ADDRESS") or (f"unix:path={runtime}/bus" if runtime else None)


def _wayland(environ: Mapping[str, str], monotonic_ms: Callable[[], int], power: PowerWatch) -> BackEnds:
    counter, idle = _choose_wayland_input(environ, monotonic_ms)
    screen = _choose_wayland_screen(environ, monotonic_ms)
    return BackEnds(screen, counter, idle, power, "wayland", _WAYLAND_REMEDY)


def _nulls(reason: str, remedy: str, power: PowerWatch, session: str) -> BackEnds:
    whole = f"{reason} {remedy}"
    windows = NullWindows(whole)
    return BackEnds(NullScreen(whole), NullInput(whole), NullIdle(whole), power, session, remedy, windows)


def _windows(monotonic_ms: Callable[[], int], power: PowerWatch) -> BackEnds:
    # Each is imported where its system's libraries are.
    from tracker.capture.idle.windows import WindowsIdle  # noqa: PLC0415
    from tracker.capture.input.windows import WindowsInput  # noqa: PLC0415
    from tracker.capture.screen.windows import WindowsScreen  # noqa: PLC0415
    from tracker.capture.window.windows import WindowsWindows  # noqa: PLC0415

    counter, windows = WindowsInput(monotonic_ms), WindowsWindows()
    return BackEnds(WindowsScreen(), counter, WindowsIdle(), power, "windows", windows=windows)


def _macos(monotonic_ms: Callable[[], int], power: PowerWatch) -> BackEnds:
    # Likewise.
    from tracker.capture.idle.macos import MacIdle  # noqa: PLC0415
    from tracker.capture.input.macos import MacInput  # noqa: PLC0415
    from tracker.capture.screen.macos import MacScreen  # noqa: PLC0415
    from tracker.capture.window.macos import MacWindows  # noqa: PLC0415

    counter, windows = MacInput(monotonic_ms), MacWindows()
    return BackEnds(MacScreen(), counter, MacIdle(), power, "macos", windows=windows)


def _examine_screen(screen: Screen, remedy: str | None) -> Finding:
    try:
        frames = screen.ask()
    except ScreenUnavailableError as error:
        return Finding("screen", screen.name, works=False, sentence=str(error), remedy=remedy)
    through = f" through {screen.via}" if screen.via else ""
    blank = [str(frame.monitor + 1) for frame in frames if is_blank(frame)]
    sizes = ", ".join(f"{frame.width} × {frame.height}" for frame in frames)
    if len(blank) == len(frames):
        return Finding(
            "screen",
            screen.name,
            works=False,
            sentence=f"A test picture was taken{through} ({sizes}), but all of it is one single colour.",
            remedy="Open a window and try again; if it stays so, this desktop hides its screen from other programs.",
        )
    note = f"; monitor {', '.join(blank)} shows one single colour" if blank else ""
    sentence = f"A test picture was taken{through} and thrown away ({sizes}{note})."
    return Finding("screen", screen.name, works=True, sentence=sentence, remedy=None)


def _examine_input(counter: InputCounter, remedy: str | None) -> Finding:
    # No test key is injected, not even a lone modifier: it would go to the person's window, some desktops act on it
    # (locate the pointer, sticky keys, leave the screen saver), and a time tracker should never make up input. That
    # the server accepted the selection and the thread lives says as much.
    was_running = counter.running
    try:
        counter.start()
        problem = counter.problem()
    except InputUnavailableError as error:
        problem = str(error)
    finally:
        if not was_running:
            counter.stop()
    if problem is not None:
        return Finding("input", counter.name, works=False, sentence=problem, remedy=remedy)
    limit = counter.limit()
    whole = f"{counter.reports} {limit}" if limit else counter.reports
    return Finding("input", counter.name, works=True, sentence=whole, remedy=None)


def _examine_idle(watch: IdleWatch, remedy: str | None) -> Finding:
    problem = watch.problem()
    if problem is not None:
        return Finding("idle", watch.name, works=False, sentence=problem, remedy=remedy)
    limit = watch.limit()
    if limit is not None:
        return Finding("idle", watch.name, works=True, sentence=f"{watch.reports} {limit}", remedy=_LIMIT_REMEDY)
    return Finding("idle", watch.name, works=True, sentence=watch.reports, remedy=None)


def _examine_power(watch: PowerWatch) -> Finding:
    was_running = watch.running
    try:
        watch.start(lambda _event: None)
        problem, is_locked = watch.problem(), watch.is_locked()
    except PowerUnavailableError as error:
        problem, is_locked = str(error), None
    finally:
        if not was_running:
            watch.stop()
    if problem is not None:
        return Finding("power", watch.name, works=False, sentence=problem, remedy=None)
    sentence = "Suspension, shutdown and the screen lock are announced."
    if is_locked is None:
        sentence = "Suspension and shutdown are announced; this desktop has not said yet whether it announces its lock."
    return Finding("power", watch.name, works=True, sentence=sentence, remedy=None)


def _examine_windows(windows: WindowList) -> Finding:
    try:
        windows.visible()
    except WindowsUnavailableError as error:
        return Finding("windows", windows.name, works=False, sentence=str(error), remedy=_NO_WINDOWS_REMEDY)
    sentence = "The windows that can be seen are told, so exclusion rules can be held to them."
    return Finding("windows", windows.name, works=True, sentence=sentence, remedy=None)
