"""Pixels as compositors lay them out, made into frames: formats, padding, and monitors that stand on their side."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, cast

from tracker.capture.screen.port import Frame

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow is imported inside the functions below: it is first needed at the first snapshot, well after the window shows.


class UnknownFormatError(Exception):
    """Pixels are in a form that nobody here can read; the text is the cause alone."""


class Format(IntEnum):
    """Forms of a pixel, by the numbers of `wl_shm.format` (for most, those of drm_fourcc.h).

    The names read from the highest bit of a little-endian word to the lowest, so XRGB8888 is blue, green, red and one
    meaningless byte in memory.
    """

    ARGB8888 = 0
    XRGB8888 = 1
    XBGR8888 = 0x34324258
    ABGR8888 = 0x34324241
    RGBX8888 = 0x34325852
    RGBA8888 = 0x34324152
    BGRX8888 = 0x34325842
    BGRA8888 = 0x34324142
    RGB888 = 0x34324752
    BGR888 = 0x34324742
    RGB565 = 0x36314752
    XRGB2101010 = 0x30335258
    ARGB2101010 = 0x30335241
    XBGR2101010 = 0x30334258
    ABGR2101010 = 0x30334241


# Pillow's names read in the order of memory. A screen is opaque, so what stands in place of alpha means nothing.
_RAW_MODES: Final = {
    Format.ARGB8888: "BGRX",
    Format.XRGB8888: "BGRX",
    Format.XBGR8888: "RGBX",
    Format.ABGR8888: "RGBX",
    Format.RGBX8888: "XBGR",
    Format.RGBA8888: "XBGR",
    Format.BGRX8888: "XRGB",
    Format.BGRA8888: "XRGB",
    Format.RGB888: "BGR",
    Format.BGR888: "RGB",
    Format.RGB565: "BGR;16",
}
# Where the eight highest bits of blue, green and red begin in a word of ten bits a colour.
_TEN_BIT_SHIFTS: Final = {
    Format.XRGB2101010: (2, 12, 22),
    Format.ARGB2101010: (2, 12, 22),
    Format.XBGR2101010: (22, 12, 2),
    Format.ABGR2101010: (22, 12, 2),
}
_BYTES: Final = {Format.RGB888: 3, Format.BGR888: 3, Format.RGB565: 2}
_FRAME_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture as a compositor gave it.

    Args:
        form: the number of its pixels' format.
        width: real pixels, as they lie in memory.
        height: likewise.
        stride: bytes from one row to the next.
        data: rows of pixels, possibly padded.
        is_upside_down: the lowest row comes first.
    """

    form: int
    width: int
    height: int
    stride: int
    data: memoryview
    is_upside_down: bool = False


def upright(monitor: int, pixels: Pixels, transform: int = 0) -> Frame:
    """Make a frame of what a monitor shows, as the person who looks at it sees it.

    Args:
        monitor: its index.
        pixels: what the compositor gave.
        transform: how the monitor is mounted (`wl_output.transform`, 0–7), against which the picture is turned back.

    Raises:
        UnknownFormatError: the format is unknown, or there are fewer bytes than pixels.
    """
    try:
        form = Format(pixels.form)
    except ValueError:
        raise UnknownFormatError(f"its pixels are in the unknown format {pixels.form:#x}") from None
    row = pixels.width * _BYTES.get(form, _FRAME_BYTES)
    if min(pixels.width, pixels.height) < 1 or pixels.stride < row or len(pixels.data) < pixels.stride * pixels.height:
        raise UnknownFormatError("it gave fewer bytes than its picture has pixels")
    is_as_kept = _RAW_MODES.get(form) == "BGRX" and pixels.stride == row
    if is_as_kept and not pixels.is_upside_down and not transform:
        # 8 MB at 1080p that need not be copied.
        return Frame(monitor, pixels.width, pixels.height, pixels.data[: row * pixels.height].toreadonly())
    return to_frame(monitor, _turned_back(_decoded(form, pixels), transform))


def to_frame(monitor: int, picture: "Image") -> Frame:
    """Make a frame of a decoded picture."""
    return Frame(monitor, picture.width, picture.height, picture.convert("RGB").tobytes("raw", "BGRX"))


def _decoded(form: Format, pixels: Pixels) -> "Image":
    from PIL import Image  # noqa: PLC0415

    size, data, stride = (pixels.width, pixels.height), pixels.data[: pixels.stride * pixels.height], pixels.stride
    if form in _TEN_BIT_SHIFTS:
        data, stride, mode = _eight_bits(data, _TEN_BIT_SHIFTS[form]), pixels.stride, "BGRX"
    else:
        mode = _RAW_MODES[form]
    # Pillow takes every buffer; its types do not.
    return Image.frombuffer("RGB", size, cast("bytes", data), "raw", mode, stride, -1 if pixels.is_upside_down else 1)


def _eight_bits(data: memoryview, shifts: tuple[int, int, int]) -> memoryview:
    """Keep the eight highest bits of ten.

    One shift of the whole picture as a single number puts a colour's bits into each word's lowest byte, in C.
    """
    words = int.from_bytes(data, "little")
    kept = bytearray(len(data))
    for byte, shift in enumerate(shifts):
        kept[byte::_FRAME_BYTES] = (words >> shift).to_bytes(len(data), "little")[::_FRAME_BYTES]
    return memoryview(kept)


def _turned_back(picture: "Image", transform: int) -> "Image":
    from PIL.Image import Transpose  # noqa: PLC0415

    steps: tuple[Transpose, ...] = (
        (),
        (Transpose.ROTATE_270,),
        (Transpose.ROTATE_180,),
        (Transpose.ROTATE_90,),
        (Transpose.FLIP_LEFT_RIGHT,),
        (Transpose.TRANSPOSE,),
        (Transpose.FLIP_TOP_BOTTOM,),
        (Transpose.TRANSVERSE,),
    )[transform]
    for step in steps:
        picture = picture.transpose(step)
    return picture
