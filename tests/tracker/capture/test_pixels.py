"""Every form of pixel that compositors use, read to the same colours."""

import struct
from typing import cast

import pytest

from tracker.capture.screen.pixels import Format, Pixels, UnknownFormatError, upright

RED, GREEN, BLUE, GREY = (0xF8, 0, 0), (0, 0xFC, 0), (0, 0, 0xF8), (0x10, 0x20, 0x30)
# Two rows of two, in colours that survive RGB565's five and six bits.
PICTURE = (RED, GREEN), (BLUE, GREY)


def _word(form: Format, colour: tuple[int, int, int]) -> bytes:
    """Encode a pixel from the format's name, highest bits first, without looking at how it is decoded."""
    value = dict(zip("RGB", colour, strict=True))
    letters, digits = form.name.rstrip("0123456789"), form.name.lstrip("ARGBX")
    widths = {
        "8888": [8, 8, 8, 8],
        "888": [8, 8, 8],
        "565": [5, 6, 5],
        "2101010": [2, 10, 10, 10],
    }[digits]
    word = 0
    for letter, width in zip(letters, widths, strict=True):
        # What stands in place of alpha is noise to everybody.
        part = (1 << width) - 1 if letter in "AX" else value[letter] << max(0, width - 8) >> max(0, 8 - width)
        word = word << width | part
    return word.to_bytes(sum(widths) // 8, "little")


def _pixels(form: Format, padding: int = 0, *, is_upside_down: bool = False) -> Pixels:
    rows = [b"".join(_word(form, colour) for colour in row) + b"\xee" * padding for row in PICTURE]
    data = b"".join(reversed(rows) if is_upside_down else rows)
    return Pixels(form, 2, 2, len(rows[0]), memoryview(data), is_upside_down)


def _colours(frame_bytes: "memoryview | bytes", width: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    words = [bytes(frame_bytes[start : start + 3]) for start in range(0, len(frame_bytes), 4)]
    colours = [(red, green, blue) for blue, green, red in words]
    return tuple(tuple(colours[start : start + width]) for start in range(0, len(colours), width))


def _close(seen: tuple[tuple[tuple[int, ...], ...], ...], form: Format) -> bool:
    slack = 8 if form is Format.RGB565 else 0
    pairs = [
        (a, b)
        for seen_row, row in zip(seen, PICTURE, strict=True)
        for seen_pixel, pixel in zip(seen_row, row, strict=True)
        for a, b in zip(seen_pixel, pixel, strict=True)
    ]
    return all(abs(a - b) <= slack for a, b in pairs)


@pytest.mark.parametrize("form", list(Format), ids=lambda form: cast("Format", form).name)
@pytest.mark.parametrize("padding", [0, 12])
@pytest.mark.parametrize("is_upside_down", [False, True])
def test_each_format_is_read_to_the_same_colours(form: Format, padding: int, is_upside_down: bool) -> None:
    frame = upright(3, _pixels(form, padding, is_upside_down=is_upside_down))

    assert (frame.monitor, frame.width, frame.height, len(frame.bgrx)) == (3, 2, 2, 16)
    assert _close(_colours(frame.bgrx, 2), form)


def test_what_needs_no_change_is_not_copied() -> None:
    pixels = _pixels(Format.XRGB8888)
    frame = upright(0, pixels)

    assert isinstance(frame.bgrx, memoryview)
    assert frame.bgrx.obj is pixels.data.obj
    assert frame.bgrx.readonly


@pytest.mark.parametrize(
    ("transform", "seen"),
    [
        (0, ((RED, GREEN), (BLUE, GREY))),
        (1, ((BLUE, RED), (GREY, GREEN))),
        (2, ((GREY, BLUE), (GREEN, RED))),
        (3, ((GREEN, GREY), (RED, BLUE))),
        (4, ((GREEN, RED), (GREY, BLUE))),
        (5, ((RED, BLUE), (GREEN, GREY))),
        (6, ((BLUE, GREY), (RED, GREEN))),
        (7, ((GREY, GREEN), (BLUE, RED))),
    ],
)
def test_a_monitor_on_its_side_is_turned_back(transform: int, seen: tuple[tuple[tuple[int, ...], ...], ...]) -> None:
    assert _colours(upright(0, _pixels(Format.XRGB8888), transform).bgrx, 2) == seen


@pytest.mark.parametrize(
    "pixels",
    [
        Pixels(0x59565955, 2, 2, 8, memoryview(bytes(16))),
        Pixels(Format.XRGB8888, 2, 2, 8, memoryview(bytes(15))),
        Pixels(Format.XRGB8888, 2, 2, 7, memoryview(bytes(64))),
        Pixels(Format.XRGB8888, 0, 2, 8, memoryview(bytes(64))),
    ],
    ids=["YUYV", "short", "narrow", "empty"],
)
def test_what_cannot_be_read_is_refused(pixels: Pixels) -> None:
    with pytest.raises(UnknownFormatError):
        upright(0, pixels)


def test_the_numbers_are_those_of_the_four_letter_codes() -> None:
    codes = {form: struct.pack("<I", form).decode() for form in Format if form > 1}

    assert codes[Format.XBGR8888] == "XB24"
    assert codes[Format.RGB888] == "RG24"
    assert codes[Format.RGB565] == "RG16"
    assert codes[Format.ARGB2101010] == "AR30"
    assert len(set(codes.values())) == len(codes)
