"""Screens on macOS, through CoreGraphics; written from its documentation, unproven on a Mac.

It relies on what Apple documents: CGDisplayCreateImage gives a display at its own pixels, Retina ones too;
CGPreflightScreenCaptureAccess says whether it may be believed; a bitmap context has its first row at the top. Apple has
taken CGDisplayCreateImage out of the SDK of macOS 15 in favour of ScreenCaptureKit, but not out of the system; where it
is gone, the error says so. Why not mss, nor ScreenCaptureKit yet: ADR 37.
"""

import ctypes
from typing import ClassVar, Final

from tracker.capture.foreign import ForeignFunctions, Load, Signatures, load_framework
from tracker.capture.macos import POINTER, RECORDING_STEP, ScreenRecording
from tracker.capture.screen.port import Frame, Screen, ScreenUnavailableError

_DISPLAYS: Final = 32
_BYTES_PER_PIXEL: Final = 4
_BGRX: Final = 0x2000 | 6  # kCGBitmapByteOrder32Little | kCGImageAlphaNoneSkipFirst


class Rectangle(ctypes.Structure):
    """CGRect."""

    _fields_: ClassVar = [(name, ctypes.c_double) for name in ("x", "y", "width", "height")]


_DISPLAY: Final = ctypes.c_uint32
SIGNATURES: Final[Signatures] = {
    "CoreGraphics": {
        "CGGetActiveDisplayList": (
            ctypes.c_int32,
            [ctypes.c_uint32, ctypes.POINTER(_DISPLAY), ctypes.POINTER(ctypes.c_uint32)],
        ),
        "CGDisplayCreateImage": (POINTER, [_DISPLAY]),
        "CGImageGetWidth": (ctypes.c_size_t, [POINTER]),
        "CGImageGetHeight": (ctypes.c_size_t, [POINTER]),
        "CGImageRelease": (None, [POINTER]),
        "CGColorSpaceCreateDeviceRGB": (POINTER, []),
        "CGColorSpaceRelease": (None, [POINTER]),
        "CGBitmapContextCreate": (POINTER, [POINTER, *[ctypes.c_size_t] * 4, POINTER, ctypes.c_uint32]),
        "CGContextDrawImage": (None, [POINTER, Rectangle, POINTER]),
        "CGContextRelease": (None, [POINTER]),
    },
}


class MacScreen(Screen):
    """All displays that are on; of mirrored ones, one.

    Each image is drawn into memory of our own in one known form, whatever depth, order of bytes, padding or colour
    space the display has.

    Args:
        load: gives a framework by its name.
    """

    name = "macos"

    def __init__(self, load: Load = load_framework) -> None:
        self._call = ForeignFunctions(SIGNATURES, load)
        self._recording = ScreenRecording(load)

    def grab(self) -> tuple[Frame, ...]:
        """Take one picture of every display, if macOS lets this process see more than the wallpaper.

        Raises:
            ScreenUnavailableError: the permission is missing, no display is on, or macOS refuses.
        """
        try:
            if not self._recording.is_granted():
                self._recording.ask()
                raise ScreenUnavailableError(
                    f"No picture can be taken: Daybook may not record the screen. {RECORDING_STEP}"
                )
            return tuple(self._picture(index, display) for index, display in enumerate(self._displays()))
        except OSError as error:
            raise ScreenUnavailableError(
                f"No picture can be taken: macOS does not give one ({error}). "
                "Log in at the screen and wake it; if it stays so on a new macOS, look for a newer Daybook."
            ) from error

    def _displays(self) -> list[int]:
        displays, number = (_DISPLAY * _DISPLAYS)(), ctypes.c_uint32()
        error = self._call("CGGetActiveDisplayList", _DISPLAYS, displays, ctypes.byref(number))
        if error:
            raise OSError(f"CGGetActiveDisplayList, error {error}")
        if not number.value:
            raise OSError("no display is on")
        return list(displays[: number.value])

    def _picture(self, index: int, display: int) -> Frame:
        image = self._demand("CGDisplayCreateImage", display)
        try:
            width, height = self._call("CGImageGetWidth", image), self._call("CGImageGetHeight", image)
            return Frame(index, width, height, self._drawn(image, width, height))
        finally:
            self._call("CGImageRelease", image)

    def _drawn(self, image: int, width: int, height: int) -> memoryview:
        row = width * _BYTES_PER_PIXEL
        pixels = bytearray(row * height)
        memory = (ctypes.c_char * len(pixels)).from_buffer(pixels)
        space = self._demand("CGColorSpaceCreateDeviceRGB")
        try:
            context = self._demand("CGBitmapContextCreate", memory, width, height, 8, row, space, _BGRX)
        finally:
            self._call("CGColorSpaceRelease", space)  # the context holds it by itself
        self._call("CGContextDrawImage", context, Rectangle(0, 0, width, height), image)
        self._call("CGContextRelease", context)
        return memoryview(pixels).toreadonly()

    def _demand(self, name: str, *arguments: object) -> int:
        """Call what gives NULL where it fails."""
        answer = self._call(name, *arguments)
        if not answer:
            raise OSError(f"{name} gave nothing")
        return int(answer)
