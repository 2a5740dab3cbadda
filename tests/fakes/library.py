"""A foreign library as ctypes shows it, whose functions a test writes."""

from collections.abc import Callable


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
