"""wlr-screencopy on a real sway: monitors beside each other, fine ones, turned ones, and desktops that break."""

import io
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from stage.waiting import until
from tests.fakes.compositor import ScriptedCompositor, event, word
from tests.fakes.wayland import Sway
from tracker.capture.screen.port import Frame
from tracker.capture.screen.wayland import NoWayError
from tracker.capture.screen.wayland_screencopy import Screencopy
from tracker.clock import monotonic_ms

OUTPUTS = ("HEADLESS-1", "HEADLESS-2")
WITHIN_MS = 5_000


def _screencopy(desktop: Sway) -> Screencopy:
    return Screencopy(desktop.runtime / desktop.display, monotonic_ms)


def _image(frame: Frame) -> Image.Image:
    return Image.frombytes("RGB", (frame.width, frame.height), bytes(frame.bgrx), "raw", "BGRX")


def _corners(folder: Path) -> Path:
    """Make a picture that looks different from each side and in a mirror."""
    picture = Image.new("RGB", (2, 2))
    picture.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)])
    path = folder / "corners.png"
    picture.resize((64, 64), Image.Resampling.NEAREST).save(path)
    return path


def _agrees(desktop: Sway, output: str, frame: Frame) -> bool:
    """Tell whether grim, which speaks to the compositor through libwayland, saw the very same pixels."""
    return _image(frame).tobytes() == Image.open(io.BytesIO(desktop.seen(output))).tobytes()


@pytest.mark.parametrize(
    "transform", ["normal", "90", "180", "270", "flipped", "flipped-90", "flipped-180", "flipped-270"]
)
def test_a_turned_monitor_is_seen_upright(sway: Sway, transform: str) -> None:
    sway.hang_up(_corners(sway.folder))
    sway.tell("output", OUTPUTS[0], "transform", transform)
    size = (720, 1280) if transform.endswith(("90", "270")) else (1280, 720)

    def is_upright() -> Frame | None:
        (frame,) = _screencopy(sway).take(WITHIN_MS)
        picture = _image(frame)
        near, far = ([side * part // 4 for side in picture.size] for part in (1, 3))
        corners = [picture.getpixel((x, y)) for y in (near[1], far[1]) for x in (near[0], far[0])]
        expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
        return frame if picture.size == size and corners == expected else None

    assert _agrees(sway, OUTPUTS[0], until(is_upright, "the picture upright"))


def test_each_monitor_is_a_frame_at_its_real_pixels(two_monitors: Sway) -> None:
    two_monitors.tell("output", OUTPUTS[0], "scale", "2")
    two_monitors.tell("output", OUTPUTS[1], "resolution", "800x600")
    two_monitors.hang_up(_corners(two_monitors.folder))

    def frames() -> tuple[Frame, ...] | None:
        seen = _screencopy(two_monitors).take(WITHIN_MS)
        return seen if all(len(_image(one).getcolors(1 << 20) or ()) > 3 for one in seen) else None

    first, second = until(frames, "the picture on both")
    assert (first.monitor, first.width, first.height) == (0, 1280, 720), "scale 2 shows 640 × 360 in 1280 × 720"
    assert (second.monitor, second.width, second.height) == (1, 800, 600)
    assert _agrees(two_monitors, OUTPUTS[1], second)


def test_a_monitor_plugged_in_is_seen(sway: Sway) -> None:
    assert len(_screencopy(sway).take(WITHIN_MS)) == 1
    sway.tell("create_output")

    assert len(_screencopy(sway).take(WITHIN_MS)) == 2


def test_nothing_is_held_between_two_grabs(sway: Sway) -> None:
    way, descriptors = _screencopy(sway), Path("/proc/self/fd")
    way.take(WITHIN_MS)
    before = len(list(descriptors.iterdir()))
    (frame,) = way.take(WITHIN_MS)
    mapped = "daybook-frame" in Path("/proc/self/maps").read_text()
    pixels = bytes(frame.bgrx)
    del frame

    assert mapped, "a frame is the compositor's own memory, not a copy"
    assert "daybook-frame" not in Path("/proc/self/maps").read_text(), "gone with the frame"
    assert len(list(descriptors.iterdir())) == before
    assert len(pixels) == 1280 * 720 * 4


def test_a_hung_desktop_costs_the_time_allowed_and_ends_the_search(sway: Sway) -> None:
    sway.hang()
    try:
        with pytest.raises(NoWayError, match="does not answer") as caught:
            _screencopy(sway).take(150)
    finally:
        sway.wake()

    assert caught.value.is_final
    assert len(_screencopy(sway).take(WITHIN_MS)) == 1


# A compositor whose objects come in the client's fixed order: registry 2, sync 3, manager 4, memory 5, output 6,
# sync 7, frame 8.
_OFFERS = ("zwlr_screencopy_manager_v1", "wl_shm", "wl_output")
_MODE = event(6, 1, word(1, 640, 480, 60_000))


def _refused(target: int, opcode: int, _: bytes) -> bytes:
    if (target, opcode) == (1, 0):
        return _MODE
    return event(8, 3) if (target, opcode) == (4, 0) else b""


def _described(*numbers: int) -> Callable[[int, int, bytes], bytes]:
    def answer(target: int, opcode: int, _: bytes) -> bytes:
        if (target, opcode) == (1, 0):
            return _MODE
        return event(8, 0, word(*numbers)) if (target, opcode) == (4, 0) else b""

    return answer


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ((1, 640, 480, 0xFFFF_FFFF), "bytes"),
        ((1, 640, 0, 2_560), "bytes"),
    ],
)
def test_a_picture_of_impossible_size_is_refused(tmp_path: Path, numbers: tuple[int, ...], says: str) -> None:
    with (
        closing(ScriptedCompositor(tmp_path / "s", _OFFERS, _described(*numbers))) as compositor,
        pytest.raises(NoWayError, match=says),
    ):
        Screencopy(compositor.path, monotonic_ms).take(WITHIN_MS)


def test_a_compositor_without_it_says_so_and_lets_others_try(tmp_path: Path) -> None:
    with (
        closing(ScriptedCompositor(tmp_path / "s", ["wl_shm", "wl_output"])) as compositor,
        pytest.raises(NoWayError, match="does not offer wlr-screencopy") as caught,
    ):
        Screencopy(compositor.path, monotonic_ms).take(WITHIN_MS)

    assert not caught.value.is_final


def test_a_compositor_that_refuses_is_told_and_lets_others_try(tmp_path: Path) -> None:
    with (
        closing(ScriptedCompositor(tmp_path / "s", _OFFERS, _refused)) as compositor,
        pytest.raises(NoWayError, match="refuses a picture") as caught,
    ):
        Screencopy(compositor.path, monotonic_ms).take(WITHIN_MS)

    assert not caught.value.is_final


def test_a_monitor_that_is_off_is_left_out_of_the_others(tmp_path: Path) -> None:
    # Here the outputs are 6 and 7, their pictures 9 and 10. sway without a screen cannot switch a monitor off.
    answers = {
        (1, 0): event(6, 1, word(1, 640, 480, 60_000)) + event(7, 1, word(1, 80, 60, 60_000)),
        (4, 0): event(9, 3) + event(10, 0, word(1, 80, 60, 320)),
        (10, 0): event(10, 2, word(0, 0, 0)),
    }
    offers = [*_OFFERS, "wl_output"]
    with closing(
        ScriptedCompositor(tmp_path / "s", offers, lambda target, opcode, _: answers.get((target, opcode), b""))
    ) as compositor:
        (frame,) = Screencopy(compositor.path, monotonic_ms).take(WITHIN_MS)

    assert (frame.monitor, frame.width, frame.height) == (0, 80, 60)
