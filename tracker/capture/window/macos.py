"""Visible windows on macOS; written from its documentation, unproven on a Mac.

It relies on what Apple documents: CGWindowListCopyWindowInfo with kCGWindowListOptionOnScreenOnly lists the windows
that are on screen, from front to back, so none that is minimised, hidden or on another space; kCGWindowLayer is a
window's level; and since macOS 10.15 other programs' titles (kCGWindowName) are there only with the permission to
record the screen.
"""

import ctypes
from typing import Any, Final

from tracker.capture.foreign import ForeignFunctions, Load, Signatures, load_framework
from tracker.capture.macos import POINTER, RECORDING_STEP, ScreenRecording
from tracker.capture.window.port import Window, WindowList, WindowsUnavailableError

_ON_SCREEN_ONLY: Final = 1  # kCGWindowListOptionOnScreenOnly
_EXCLUDE_DESKTOP: Final = 16  # kCGWindowListExcludeDesktopElements
_NORMAL_LAYER: Final = 0  # kCGNormalWindowLevel
# kCGDockWindowLevel. Below it are programs' windows, floating and modal ones too; from it on the dock, the menu bar
# and its status items, which are shown whether or not their programs have a window.
_DOCK_LAYER: Final = 20
_UTF8: Final = 0x08000100
_INT_TYPE: Final = 9  # kCFNumberIntType
_BYTES_PER_UNIT: Final = 3  # that UTF-8 needs at most for one of UTF-16

_INDEX: Final = ctypes.c_long  # CFIndex
SIGNATURES: Final[Signatures] = {
    "CoreGraphics": {"CGWindowListCopyWindowInfo": (POINTER, [ctypes.c_uint32, ctypes.c_uint32])},
    "CoreFoundation": {
        "CFArrayGetCount": (_INDEX, [POINTER]),
        "CFArrayGetValueAtIndex": (POINTER, [POINTER, _INDEX]),
        "CFDictionaryGetValue": (POINTER, [POINTER, POINTER]),
        "CFStringCreateWithCString": (POINTER, [POINTER, ctypes.c_char_p, ctypes.c_uint32]),
        "CFStringGetLength": (_INDEX, [POINTER]),
        "CFStringGetCString": (ctypes.c_ubyte, [POINTER, ctypes.c_void_p, _INDEX, ctypes.c_uint32]),
        "CFNumberGetValue": (ctypes.c_ubyte, [POINTER, _INDEX, ctypes.c_void_p]),
        "CFRelease": (None, [POINTER]),
    },
}


class MacWindows(WindowList):
    """The windows on screen below the dock's level, each with the name of its program.

    The one in front among ordinary windows passes for the one with the keyboard: only AppKit, whose notices need the
    main thread's event loop, could tell of a program in front that has no window.

    Args:
        load: gives a framework by its name.
    """

    name = "macos"

    def __init__(self, load: Load = load_framework) -> None:
        self._call = ForeignFunctions(SIGNATURES, load)
        self._recording = ScreenRecording(load)

    def visible(self) -> tuple[Window, ...]:
        """List the windows on screen.

        Raises:
            WindowsUnavailableError: the permission to record the screen is missing, or macOS refuses the list.
        """
        try:
            if not self._recording.is_granted():
                raise WindowsUnavailableError(
                    f"The titles of open windows cannot be read: Daybook may not record the screen. {RECORDING_STEP}"
                )
            return self._windows()
        except OSError as error:
            raise WindowsUnavailableError(
                f"Open windows cannot be listed: macOS refused it ({error}). Log in at the screen and start Daybook "
                "there."
            ) from error

    def _windows(self) -> tuple[Window, ...]:
        listed = self._call("CGWindowListCopyWindowInfo", _ON_SCREEN_ONLY | _EXCLUDE_DESKTOP, 0)
        if not listed:
            raise OSError("CGWindowListCopyWindowInfo gave nothing")
        windows: list[Window] = []
        has_active = False
        try:
            for index in range(self._call("CFArrayGetCount", listed)):
                described = self._call("CFArrayGetValueAtIndex", listed, index)
                layer = self._number(described, b"kCGWindowLayer")
                if _NORMAL_LAYER <= layer < _DOCK_LAYER:
                    is_active = layer == _NORMAL_LAYER and not has_active
                    has_active |= is_active
                    application = self._text(described, b"kCGWindowOwnerName")
                    windows.append(Window(application, self._text(described, b"kCGWindowName"), is_active))
        finally:
            self._call("CFRelease", listed)
        return tuple(windows)

    def _number(self, described: Any, key: bytes) -> int:
        value, number = self._value(described, key), ctypes.c_int()
        if not value or not self._call("CFNumberGetValue", value, _INT_TYPE, ctypes.byref(number)):
            raise OSError(f"a window has no {key.decode()}")
        return number.value

    def _text(self, described: Any, key: bytes) -> str:
        value = self._value(described, key)
        if not value:
            return ""
        size = self._call("CFStringGetLength", value) * _BYTES_PER_UNIT + 1
        text = ctypes.create_string_buffer(size)
        if not self._call("CFStringGetCString", value, text, size, _UTF8):
            raise OSError(f"a window's {key.decode()} cannot be read")
        return text.value.decode("utf-8", "replace")

    def _value(self, described: Any, key: bytes) -> Any:
        name = self._call("CFStringCreateWithCString", None, key, _UTF8)
        try:
            return self._call("CFDictionaryGetValue", described, name)  # the dictionary's own: not to be released
        finally:
            self._call("CFRelease", name)
