"""The screenshot portal: one that does as it is told, on a real bus, and the real one on sway."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from stage.waiting import until
from tests.fakes.login1 import PrivateBus, Service
from tests.fakes.portal import FAILED, GIVEN, REFUSED, FakePortal
from tests.fakes.wayland import Sway, pipewire
from tracker.capture.screen.port import Frame
from tracker.capture.screen.wayland import NoWayError
from tracker.capture.screen.wayland_monitors import Monitor
from tracker.capture.screen.wayland_portal import WLR_PORTAL, PortalScreenshot, split
from tracker.clock import monotonic_ms

WITHIN_MS = 5_000
SHORT_MS = 100
COLOUR = (0x11, 0x22, 0x33)
HOUR_MS = 60 * 60 * 1000


class Rig:
    """A portal, its bus and a folder for the pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = PrivateBus(folder)
        self.portal = FakePortal(self.bus.address)
        self.wlr_file = folder / "out.png"
        self.way = self.make(monotonic_ms)

    def make(self, now_ms: Callable[[], int]) -> PortalScreenshot:
        return PortalScreenshot(self.bus.address, self.folder / "no-wayland", now_ms, wlr_file=self.wlr_file)

    def picture(self, name: str = "Screenshot from 12:00 #1.png") -> Path:
        """Let the portal hand over a new picture each time."""
        path = self.folder / name
        Image.new("RGB", (40, 30), COLOUR).save(path)
        self.portal.writes = path, path.read_bytes()
        self.portal.uri = path.as_uri()
        path.unlink()
        return path

    def close(self) -> None:
        self.portal.close()
        self.bus.kill()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def _colour(frame: Frame) -> tuple[int, ...]:
    return tuple(reversed(bytes(frame.bgrx[:3])))


def _refusal(way: PortalScreenshot, within_ms: int = WITHIN_MS) -> NoWayError:
    with pytest.raises(NoWayError) as caught:
        way.take(within_ms)
    return caught.value


def test_a_picture_is_read_and_its_file_deleted_at_once(rig: Rig) -> None:
    path = rig.picture()
    (frame,) = rig.way.take(WITHIN_MS)

    assert (frame.monitor, frame.width, frame.height, _colour(frame)) == (0, 40, 30, COLOUR)
    assert not path.exists()
    ((method, (parent, options), _),) = rig.portal.calls
    assert (method, parent, options["interactive"], options["modal"]) == (
        "Screenshot",
        "",
        ("b", False),
        ("b", False),
    ), "nobody is disturbed"


def test_nothing_is_held_between_two_grabs(rig: Rig) -> None:
    descriptors = Path("/proc/self/fd")
    rig.picture()
    rig.way.take(WITHIN_MS)
    before = len(list(descriptors.iterdir()))
    rig.way.take(WITHIN_MS)
    rig.portal.answers = FAILED
    _refusal(rig.way)

    assert len(list(descriptors.iterdir())) == before


def test_each_request_has_a_name_that_nobody_guesses(rig: Rig) -> None:
    rig.picture()
    rig.way.take(WITHIN_MS)
    rig.way.take(WITHIN_MS)
    tokens = {arguments[1]["handle_token"][1] for _, arguments, _ in rig.portal.calls}

    assert len(tokens) == 2
    assert all(len(token) > 20 for token in tokens)


def test_a_portal_that_names_requests_itself_is_understood(rig: Rig) -> None:
    rig.picture()
    rig.portal.own_handle = "/org/freedesktop/portal/desktop/request/t42"

    assert len(rig.way.take(WITHIN_MS)) == 1


@pytest.mark.parametrize(("response", "says"), [(REFUSED, "the desktop refuses"), (FAILED, "could not give one")])
def test_a_refusal_is_told_with_what_to_do(rig: Rig, response: int, says: str) -> None:
    rig.portal.answers = response
    error = _refusal(rig.way)

    assert says in error.cause
    assert error.remedy is not None
    assert "daybook doctor" in error.remedy
    assert not error.is_final


def test_a_silent_desktop_costs_the_time_allowed_and_its_question_is_taken_back(rig: Rig) -> None:
    rig.portal.answers = None
    error = _refusal(rig.way, SHORT_MS)

    assert "has not answered in time" in error.cause
    assert [method for method, _, _ in rig.portal.calls] == ["Screenshot", "Close"]


def test_a_picture_that_crosses_the_taking_back_is_deleted(rig: Rig) -> None:
    path = rig.picture()
    rig.portal.answers, rig.portal.last_word = None, GIVEN
    _refusal(rig.way, SHORT_MS)

    assert not path.exists()


def test_somebody_elses_answer_is_none(rig: Rig) -> None:
    path = rig.picture()
    impostor = rig.portal.mouthpiece = Service(rig.bus.address, None)
    error = _refusal(rig.way, SHORT_MS)
    impostor.close()

    assert "has not answered" in error.cause
    assert path.exists(), "what another names is not deleted either"


def test_a_missing_file_is_told(rig: Rig) -> None:
    path = rig.picture()
    rig.portal.writes = None

    assert _refusal(rig.way).cause == f"the screenshot portal says that its picture is at {path}, where there is none"


@pytest.mark.parametrize("damage", ["not a picture", "empty", "cut off", "wrong chunk", "wrong size", "wrong data"])
def test_a_file_that_is_no_picture_is_deleted_and_told(rig: Rig, damage: str) -> None:
    path = rig.picture()
    assert rig.portal.writes is not None
    whole = rig.portal.writes[1]
    begin = whole.index(b"IDAT")
    content = {
        "not a picture": b"not a picture",
        "empty": b"",
        "cut off": whole[: begin + 6],
        "wrong chunk": whole[:begin] + b"\0\1\2\3" + whole[begin + 4 :],
        "wrong size": whole[:16] + b"\xff" * 4 + whole[20:],
        "wrong data": whole[: begin + 8] + b"\xee" * 8 + whole[begin + 16 :],
    }[damage]
    rig.portal.writes = path, content

    assert "is no picture" in _refusal(rig.way).cause
    assert not path.exists()


@pytest.mark.parametrize("uri", ["", "https://example.org/picture.png", "file:relative.png"])
def test_what_is_no_file_is_told(rig: Rig, uri: str) -> None:
    rig.portal.uri = uri

    assert "which is no file" in _refusal(rig.way).cause


def test_a_link_or_folder_is_neither_followed_nor_deleted(rig: Rig) -> None:
    treasure = rig.folder / "treasure.png"
    Image.new("RGB", (2, 2)).save(treasure)
    link, folder = rig.folder / "link.png", rig.folder / "folder.png"
    link.symlink_to(treasure)
    folder.mkdir()
    for path in (link, folder):
        rig.portal.uri = path.as_uri()
        assert "no ordinary file" in _refusal(rig.way).cause

    assert treasure.exists()
    assert folder.exists()


def test_no_portal_is_told_with_what_to_install(rig: Rig) -> None:
    rig.portal.refuses_calls = True
    without_part = _refusal(rig.way)
    rig.portal.close()
    without_any = _refusal(rig.way)
    rig.bus.kill()
    without_bus = _refusal(rig.way)
    rig.bus.revive()
    rig.portal = FakePortal(rig.bus.address)

    for error in (without_part, without_any):
        assert error.cause.startswith("there is no screenshot portal")
        assert error.remedy is not None
        assert "xdg-desktop-portal" in error.remedy
    assert without_bus.cause.startswith("the session bus does not answer")


def test_a_portal_of_screen_sharing_alone_is_told_apart(rig: Rig) -> None:
    rig.portal.refuses_calls = rig.portal.shares_screens = True
    error = _refusal(rig.way)

    assert "offers screen sharing but no screenshots" in error.cause
    assert error.remedy is not None


# A desktop that would ask with every segment.


@pytest.mark.parametrize(("response", "tries"), [(REFUSED, 1), (None, 2)])
def test_who_does_not_agree_is_left_alone_for_an_hour(rig: Rig, response: int | None, tries: int) -> None:
    passed_ms = 0
    way = rig.make(lambda: monotonic_ms() + passed_ms)
    rig.portal.answers = response
    for _ in range(tries):
        _refusal(way, SHORT_MS)
    asked = len(rig.portal.calls)
    rig.picture()
    rig.portal.answers = GIVEN
    for _ in range(2):
        assert "not asked again" in _refusal(way).cause
        passed_ms += HOUR_MS // 2 - 10_000
    assert len(rig.portal.calls) == asked, "the desktop is not disturbed"

    passed_ms += 20_000
    assert len(way.take(WITHIN_MS)) == 1


def test_a_slow_desktop_is_forgiven(rig: Rig) -> None:
    for _ in range(3):
        rig.portal.answers = None
        assert "has not answered" in _refusal(rig.way, SHORT_MS).cause
        rig.picture()
        rig.portal.answers = GIVEN
        assert len(rig.way.take(WITHIN_MS)) == 1


def test_asking_ends_the_rest(rig: Rig) -> None:
    rig.portal.answers = REFUSED
    _refusal(rig.way)
    rig.picture()
    rig.portal.answers = GIVEN
    assert "not asked again" in _refusal(rig.way).cause

    assert len(rig.way.ask(WITHIN_MS)) == 1
    assert len(rig.way.take(WITHIN_MS)) == 1


# xdg-desktop-portal-wlr's fixed file.


@pytest.mark.parametrize("answer", [FAILED, None])
def test_what_wlrs_portal_leaves_behind_is_deleted(rig: Rig, answer: int | None) -> None:
    rig.portal.answers = answer
    rig.portal.writes = rig.wlr_file, b"a picture"
    wlr = Service(rig.bus.address, WLR_PORTAL)
    _refusal(rig.way, SHORT_MS)
    wlr.close()

    assert not rig.wlr_file.exists()


def test_a_file_of_that_name_that_is_not_its_own_is_left_alone(rig: Rig) -> None:
    rig.portal.answers = FAILED
    rig.wlr_file.write_bytes(b"mine")
    wlr = Service(rig.bus.address, WLR_PORTAL)
    _refusal(rig.way)
    wlr.close()
    assert rig.wlr_file.read_bytes() == b"mine", "it did not change meanwhile"

    rig.portal.writes = rig.wlr_file, b"another's"
    _refusal(rig.make(monotonic_ms))
    assert rig.wlr_file.read_bytes() == b"another's", "no such portal runs here"


# One picture of many monitors.


def _monitor(mode: tuple[int, int], left: int, top: int, size: tuple[int, int], transform: int = 0) -> Monitor:
    return Monitor(mode=mode, position=(left, top), size=size, transform=transform)


def test_monitors_are_cut_apart_at_their_real_pixels() -> None:
    # A fine monitor (scale 2) at the left, an ordinary one lower at its right: the desktop draws both at scale 2.
    picture = Image.new("RGB", (2 * (100 + 80), 2 * 100))
    picture.paste(COLOUR, (0, 0, 200, 200))
    picture.paste((9, 8, 7), (200, 80, 360, 200))
    fine, ordinary = split(picture, [_monitor((200, 200), -100, 0, (100, 100)), _monitor((80, 60), 0, 40, (80, 60))])

    assert (fine.size, ordinary.size) == ((200, 200), (80, 60))
    assert fine.getcolors() == [(200 * 200, COLOUR)]
    assert ordinary.getcolors() == [(80 * 60, (9, 8, 7))]


def test_a_turned_monitor_keeps_its_turned_size() -> None:
    (part,) = split(Image.new("RGB", (120, 160)), [_monitor((80, 60), 0, 0, (60, 80), transform=1)])

    assert part.size == (60, 80)


@pytest.mark.parametrize(
    "found", [[], [_monitor((100, 100), 0, 0, (100, 100)), _monitor((100, 100), 100, 0, (100, 100))]]
)
def test_what_does_not_add_up_stays_whole(found: list[Monitor]) -> None:
    picture = Image.new("RGB", (100, 100))

    assert split(picture, found) == [picture]


@pytest.mark.slow
def test_the_real_portal_gives_each_monitor_of_sway_and_leaves_no_file() -> None:
    sway = Sway(outputs=2, portals=("wlr", "gtk"))
    try:
        with pipewire(sway):
            sway.tell("output", "HEADLESS-2", "scale", "2")
            sway.paint(0x112233)
            until(lambda: sway.shows(0x112233), "the colour")
            sway.start_portal("wlr")
            way = PortalScreenshot(sway.bus_address, sway.runtime / sway.display, monotonic_ms)
            way.ask(60_000)
            frames = way.take(20_000)
    finally:
        sway.close()

    assert [(frame.width, frame.height) for frame in frames] == [(1280, 720), (1280, 720)]
    assert [_colour(frame) for frame in frames] == [COLOUR, COLOUR]
    assert not Path("/tmp/out.png").exists()  # noqa: S108 (xdg-desktop-portal-wlr's own name)
