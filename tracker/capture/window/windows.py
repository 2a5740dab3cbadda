"""Visible windows on Windows 10 and later; written from its documentation, unproven on Windows.

It relies on what Microsoft documents: EnumWindows goes through the top-level windows of this desktop; IsWindowVisible
and IsIconic say "mapped" and "minimised"; DWMWA_CLOAKED is set for what is not shown all the same (another virtual
desktop, a suspended app); InternalGetWindowText reads a title without sending its window a message, so that a window
that hangs, or one of our own, holds up nothing; a snapshot of Toolhelp names every process, elevated ones too.
"""

import ctypes
from collections.abc import Callable
from typing import ClassVar, Final

from tracker.capture.foreign import (
    BOOL,
    DWORD,
    HANDLE,
    LONG,
    TEXT,
    WORD,
    ForeignFunctions,
    Load,
    Signatures,
    last_error,
    load_dll,
)
from tracker.capture.window.port import Window, WindowList, WindowsUnavailableError

_DWMWA_CLOAKED: Final = 14
_TH32CS_SNAPPROCESS: Final = 0x0002
_NO_HANDLE: Final = ctypes.c_void_p(-1).value
_TITLE_CHARACTERS: Final = 512
_APP_FRAME: Final = "applicationframehost.exe"  # shows the windows of store apps, which have a process of their own
_APP_WINDOW: Final = "Windows.UI.Core.CoreWindow"

# On 32-bit Windows callbacks have a calling convention of their own; elsewhere there is but one.
_CALLBACK: Final = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)
ENUM_WINDOWS: Final = _CALLBACK(BOOL, HANDLE, ctypes.c_ssize_t)


class ProcessEntry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_: ClassVar = [
        ("dwSize", DWORD),
        ("cntUsage", DWORD),
        ("th32ProcessID", DWORD),
        ("th32DefaultHeapID", ctypes.c_size_t),
        ("th32ModuleID", DWORD),
        ("cntThreads", DWORD),
        ("th32ParentProcessID", DWORD),
        ("pcPriClassBase", LONG),
        ("dwFlags", DWORD),
        ("szExeFile", WORD * 260),  # UTF-16; c_wchar has other widths elsewhere
    ]


_P: Final = ctypes.POINTER
SIGNATURES: Final[Signatures] = {
    "user32": {
        "EnumWindows": (BOOL, [ENUM_WINDOWS, ctypes.c_ssize_t]),
        "IsWindow": (BOOL, [HANDLE]),
        "IsWindowVisible": (BOOL, [HANDLE]),
        "IsIconic": (BOOL, [HANDLE]),
        "GetForegroundWindow": (HANDLE, []),
        "GetWindowThreadProcessId": (DWORD, [HANDLE, _P(DWORD)]),
        "FindWindowExW": (HANDLE, [HANDLE, HANDLE, TEXT, TEXT]),
        "InternalGetWindowText": (ctypes.c_int, [HANDLE, _P(WORD), ctypes.c_int]),
    },
    "dwmapi": {"DwmGetWindowAttribute": (ctypes.c_int32, [HANDLE, DWORD, ctypes.c_void_p, DWORD])},
    "kernel32": {
        "CreateToolhelp32Snapshot": (HANDLE, [DWORD, DWORD]),
        "Process32FirstW": (BOOL, [HANDLE, _P(ProcessEntry)]),
        "Process32NextW": (BOOL, [HANDLE, _P(ProcessEntry)]),
        "CloseHandle": (BOOL, [HANDLE]),
    },
}


class WindowsWindows(WindowList):
    """The visible top-level windows, each with the file name of its program.

    Args:
        load: gives a library by its name.
        error_number: gives the calling thread's last error.
    """

    name = "windows"

    def __init__(self, load: Load = load_dll, error_number: Callable[[], int] = last_error) -> None:
        self._call = ForeignFunctions(SIGNATURES, load)
        self._error_number = error_number

    def visible(self) -> tuple[Window, ...]:
        """List what is mapped, not minimised and not cloaked; one that closes meanwhile is left out.

        Raises:
            WindowsUnavailableError: Windows refuses the list, or a window's program cannot be told.
        """
        try:
            handles = [handle for handle in self._handles() if self._is_shown(handle)]
            programs = self._programs()
            active = self._call("GetForegroundWindow")
            seen = (self._window(handle, programs, is_active=handle == active) for handle in handles)
            return tuple(window for window in seen if window is not None)
        except OSError as error:
            raise WindowsUnavailableError(
                f"Open windows cannot be listed: Windows refused it ({error}). "
                "Start Daybook inside your own desktop session."
            ) from error

    def _handles(self) -> list[int]:
        handles: list[int] = []

        def note(handle: int, _word: int) -> bool:
            handles.append(handle)
            return True

        if not self._call("EnumWindows", ENUM_WINDOWS(note), 0):
            raise OSError(f"EnumWindows, error {self._error_number()}")
        return handles

    def _is_shown(self, handle: int) -> bool:
        if not self._call("IsWindowVisible", handle) or self._call("IsIconic", handle):
            return False
        cloak = DWORD()
        words = ctypes.byref(cloak), ctypes.sizeof(cloak)
        # Where it cannot be asked the window counts as shown, which at worst withholds a picture too many.
        return self._call("DwmGetWindowAttribute", handle, _DWMWA_CLOAKED, *words) != 0 or not cloak.value

    def _programs(self) -> dict[int, str]:
        """Name the programs of all processes by their ids."""
        snapshot = self._call("CreateToolhelp32Snapshot", _TH32CS_SNAPPROCESS, 0)
        if snapshot in {None, _NO_HANDLE}:
            raise OSError(f"CreateToolhelp32Snapshot, error {self._error_number()}")
        try:
            entry, programs = ProcessEntry(dwSize=ctypes.sizeof(ProcessEntry)), dict[int, str]()
            more = self._call("Process32FirstW", snapshot, ctypes.byref(entry))
            while more:
                programs[entry.th32ProcessID] = _text(entry.szExeFile)
                more = self._call("Process32NextW", snapshot, ctypes.byref(entry))
            return programs
        finally:
            self._call("CloseHandle", snapshot)

    def _window(self, handle: int, programs: dict[int, str], *, is_active: bool) -> Window | None:
        title = (WORD * _TITLE_CHARACTERS)()
        self._call("InternalGetWindowText", handle, title, _TITLE_CHARACTERS)
        application = programs.get(self._process(handle), "")
        if application.casefold() == _APP_FRAME:
            inner = self._call("FindWindowExW", handle, None, _APP_WINDOW, None)
            application = (programs.get(self._process(inner)) if inner else None) or application
        if not application:
            if not self._call("IsWindow", handle):
                return None
            raise OSError("a window's program has no name")
        return Window(application, _text(title), is_active)

    def _process(self, handle: int) -> int:
        process = DWORD()
        self._call("GetWindowThreadProcessId", handle, ctypes.byref(process))
        return process.value


def _text(characters: ctypes.Array[ctypes.c_uint16]) -> str:
    """Read UTF-16 up to its zero; half a pair, where a title was cut, becomes a replacement."""
    return bytes(characters).decode("utf-16-le", "replace").partition("\0")[0]
