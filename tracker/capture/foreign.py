"""Functions of an operating system's own libraries, called through ctypes with their types declared."""

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, Final

# Windows's types by their width there: those of ctypes.wintypes are wider elsewhere, where the tests run.
HANDLE: Final = ctypes.c_void_p
BOOL: Final = ctypes.c_int32
LONG: Final = ctypes.c_int32
DWORD: Final = ctypes.c_uint32  # and UINT
WORD: Final = ctypes.c_uint16  # and USHORT
TEXT: Final = ctypes.c_wchar_p

Signatures = Mapping[str, Mapping[str, tuple[Any, list[Any]]]]
"""Of each library its functions, each with what it returns and what it takes."""

Load = Callable[[str], Any]
"""Gives a library by its name or path.

Raises:
    OSError: this system has no such library.
"""


class ForeignFunctions:
    """Calls functions by name; each is looked up and typed when it is first called.

    A back end can so be made on any system, and a system too old for a function fails where it is called, with a
    reason. Nothing is ever called before its types are declared, since ctypes would cut a handle to 32 bits.

    Args:
        signatures: what will be called.
        load: gives the libraries.
    """

    def __init__(self, signatures: Signatures, load: Load) -> None:
        self._library_of = {name: library for library, functions in signatures.items() for name in functions}
        self._signatures = signatures
        self._load = load
        self._libraries: dict[str, Any] = {}
        self._functions: dict[str, Any] = {}

    def __call__(self, name: str, *arguments: object) -> Any:
        """Call a function.

        Raises:
            OSError: this system has no such library, or the library no such function.
        """
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self._declared(name)
        return function(*arguments)

    def require_all(self) -> None:
        """Look up all functions now, where half of them would be worse than none.

        Raises:
            OSError: one of them is not there.
        """
        self._functions.update({name: self._declared(name) for name in self._library_of})

    def library(self, name: str) -> Any:
        """Give a library, for what in it is no function.

        Raises:
            OSError: this system has no such library.
        """
        if name not in self._libraries:
            self._libraries[name] = self._load(name)
        return self._libraries[name]

    def _declared(self, name: str) -> Any:
        path = self._library_of[name]
        function = getattr(self.library(path), name, None)
        if function is None:
            raise OSError(f"this system has no {name}")
        function.restype, function.argtypes = self._signatures[path][name]
        return function


def load_dll(name: str) -> Any:
    """Load a library of Windows by its name, so that `last_error` is kept for each thread.

    Raises:
        OSError: this is not Windows, or it has no such library.
    """
    dll = getattr(ctypes, "WinDLL", None)  # type checkers know it on Windows alone
    if dll is None:
        raise OSError("this system has no libraries of Windows")
    return dll(name, use_last_error=True)


def last_error() -> int:
    """Give the number of the calling thread's last error in a library of Windows."""
    get = getattr(ctypes, "get_last_error", None)  # likewise
    return int(get()) if get is not None else 0


def load_framework(name: str) -> Any:
    """Load a framework of macOS by its name.

    Raises:
        OSError: this is not macOS, or it has no such framework.
    """
    return ctypes.CDLL(f"/System/Library/Frameworks/{name}.framework/{name}")
