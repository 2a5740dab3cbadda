"""Functions of foreign libraries, on a library that every system has."""

import ctypes

import pytest

from tracker.capture.foreign import ForeignFunctions, Signatures, last_error, load_dll, load_framework

SIGNATURES: Signatures = {
    "the C library": {
        "strlen": (ctypes.c_size_t, [ctypes.c_char_p]),
        "strtod": (ctypes.c_double, [ctypes.c_char_p] * 2),
    }
}


def _load(name: str) -> ctypes.CDLL:
    assert name == "the C library"
    return ctypes.CDLL(None)


def test_a_function_is_typed_before_it_is_called() -> None:
    call = ForeignFunctions(SIGNATURES, _load)

    assert call("strlen", b"Daybook") == 7
    assert call("strtod", b"2.5", None) == 2.5, "an answer that is no int"
    with pytest.raises(ctypes.ArgumentError):
        call("strlen", 7.5)


def test_a_library_is_loaded_when_it_is_needed_and_once() -> None:
    loaded: list[str] = []

    def load(name: str) -> ctypes.CDLL:
        loaded.append(name)
        return _load(name)

    call = ForeignFunctions(SIGNATURES, load)
    assert loaded == []
    call("strlen", b"")
    call("strtod", b"1", None)

    assert loaded == ["the C library"]


def test_what_is_missing_is_named() -> None:
    call = ForeignFunctions({"the C library": {"strlen": (None, []), "no_such_function": (None, [])}}, _load)

    with pytest.raises(OSError, match=r"^this system has no no_such_function$"):
        call("no_such_function")
    with pytest.raises(OSError, match="no_such_function"):
        call.require_all()


def test_a_function_that_was_not_declared_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        ForeignFunctions(SIGNATURES, _load)("strcmp", b"", b"")


def test_other_systems_libraries_are_not_here() -> None:
    with pytest.raises(OSError, match="no libraries of Windows"):
        load_dll("user32")
    with pytest.raises(OSError, match="CoreGraphics"):
        load_framework("CoreGraphics")
    assert last_error() == 0
