"""The monitors of a Wayland desktop: their real pixels, how they are mounted, and where they lie beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tracker.capture.wayland import Arguments, Global, Wayland

_OUTPUT: Final = "wl_output"
_OUTPUT_VERSION: Final = 3
_GEOMETRY, _MODE, _SCALE = 0, 1, 3
_CURRENT_MODE: Final = 1

_PLACES: Final = "zxdg_output_manager_v1"
_PLACES_VERSION: Final = 2
_GET_PLACE: Final = 1
_POSITION, _SIZE, _NAME = 0, 1, 3

_SIDEWAYS: Final = frozenset({1, 3, 5, 7})


@dataclass(slots=True)
class Monitor:
    """One monitor.

    Args:
        output: the `wl_output` object on the connection that listed it.
        name: the desktop's name for it, such as "DP-1"; empty where it tells none.
        mode: width and height of the panel in real pixels.
        transform: how it is mounted (`wl_output.transform`).
        position: of its upper left corner in the desktop's own, logical pixels.
        size: width and height in logical pixels.
    """

    output: int = 0
    name: str = ""
    mode: tuple[int, int] = (0, 0)
    transform: int = 0
    position: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)
    _scale: int = field(default=1, repr=False)

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height in real pixels, as the person sees it."""
        return self.mode[::-1] if self.transform in _SIDEWAYS else self.mode

    def on_output(self, opcode: int, arguments: Arguments) -> None:
        """Take an event of the `wl_output`."""
        if opcode == _GEOMETRY:
            self.position = arguments.signed(), arguments.signed()
            for _ in ("physical width", "physical height", "subpixel"):
                arguments.signed()
            for _ in ("make", "model"):
                arguments.text()
            self.transform = arguments.signed() % 8
        elif opcode == _MODE and arguments.unsigned() & _CURRENT_MODE:
            self.mode = arguments.signed(), arguments.signed()
        elif opcode == _SCALE:
            self._scale = max(1, arguments.signed())

    def on_place(self, opcode: int, arguments: Arguments) -> None:
        """Take an event of the `zxdg_output_v1`, which knows better about position and size."""
        if opcode == _POSITION:
            self.position = arguments.signed(), arguments.signed()
        elif opcode == _SIZE:
            self.size = arguments.signed(), arguments.signed()
        elif opcode == _NAME:
            self.name = arguments.text()

    def settle(self) -> None:
        """Derive the logical size where the desktop told none."""
        if self.size == (0, 0):
            self.size = self.pixels[0] // self._scale, self.pixels[1] // self._scale


def monitors(client: Wayland) -> list[Monitor]:
    """List the monitors that are on, in the desktop's order.

    Raises:
        WaylandLostError: the compositor does not answer.
    """
    found = [_listen(client, offered) for offered in client.offers(_OUTPUT)]
    client.roundtrip()
    places: Sequence[Global] = client.offers(_PLACES)
    if places:
        manager = client.bind(places[0], _PLACES_VERSION)
        for monitor in found:
            client.send(manager, _GET_PLACE, client.new(monitor.on_place), monitor.output)
        client.roundtrip()
    for monitor in found:
        monitor.settle()
    return [monitor for monitor in found if min(*monitor.mode, *monitor.size) > 0]


def _listen(client: Wayland, offered: Global) -> Monitor:
    monitor = Monitor()
    monitor.output = client.bind(offered, _OUTPUT_VERSION, monitor.on_output)
    return monitor
