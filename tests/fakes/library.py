"""A foreign library as ctypes shows it, whose functions a test writes."""

import ctypes
from collections.abc import Callable, Iterable
from typing import Any


class Function:
    """A function of a library; it refuses to be called before its types are declared."""

    def __init__(self, act: Callable[..., object]) -> None:
        self._act = act

    def __call__(self, *arguments: object) -> object:
        assert "restype" in vars(self), "without it a pointer would be cut to 32 bits"
        assert len(vars(self)["argtypes"]) == len(arguments)
        return self._act(*arguments)


class Library:
    def __init__(self, **functions: Callable[..., object]) -> None:
        for name, act in functions.items():
            setattr(self, name, Function(act))


class NativeFunction:
    """A function whose arguments and answer really go through C, in the types that were declared for it."""

    restype: Any
    argtypes: list[Any]

    def __init__(self, act: Callable[..., object]) -> None:
        self._act = act

    def __call__(self, *arguments: object) -> object:
        assert "restype" in vars(self), "without it a pointer would be cut to 32 bits"
        assert len(self.argtypes) == len(arguments)
        failures: list[BaseException] = []

        def act(*words: Any) -> object:
            try:
                return self._act(*words)
            except BaseException as error:  # noqa: BLE001 (raised again below: C knows no exceptions)
                failures.append(error)
                return None if self.restype is None else 0

        answer = ctypes.CFUNCTYPE(self.restype, *self.argtypes)(act)(*arguments)
        if failures:
            raise failures[0]
        return answer


class NativeLibrary:
    """A library of a system that a test plays: it has those of the functions named that are played.

    Args:
        play: gives what plays a function, by its name, or None.
        names: the functions that the library would have.
    """

    def __init__(self, play: Callable[[str], Callable[..., object] | None], names: Iterable[str]) -> None:
        for name in names:
            act = play(name)
            if act is not None:
                setattr(self, name, NativeFunction(act))
