"""A desktop portal that gives, refuses or is silent as a test tells it, on a real bus."""

from pathlib import Path
from typing import Any

from jeepney import HeaderFields, Message

from tests.fakes.login1 import Service
from tracker.capture.screen.wayland_portal import PORTAL, PORTAL_PATH, REQUEST

GIVEN, REFUSED, FAILED = 0, 1, 2


class FakePortal(Service):
    """xdg-desktop-portal with the screenshot portal alone.

    Args:
        address: of the bus.
        name: to own.
    """

    def __init__(self, address: str, name: str = PORTAL) -> None:
        self.answers: int | None = GIVEN
        """The response to each request; None is silence."""
        self.uri = ""
        """Where it says that the picture is."""
        self.writes: tuple[Path, bytes] | None = None
        """A file that it writes at each request."""
        self.last_word: int | None = None
        """The response to a request that is being taken back."""
        self.refuses_calls = False
        self.own_handle: str | None = None
        """How it names requests, whatever the caller wants; before version 0.9 portals did."""
        self.shares_screens = False
        """Whether it has the screen-sharing portal as well."""
        self.mouthpiece: Service | None = None
        """Another connection, which responds in its place."""
        super().__init__(address, name)

    def answer(self, message: Message, method: str) -> tuple[str, tuple[Any, ...]] | None:
        sender = message.header.fields[HeaderFields.sender]
        if method == "Close" and self.last_word is not None:
            self._respond(message.header.fields[HeaderFields.path], sender, self.last_word)
        if method == "Close":
            return "", ()
        if method == "Get" and self.shares_screens:
            return "v", (("u", 5),)
        if method != "Screenshot" or self.refuses_calls:
            return None
        _, options = message.body
        mine = f"{PORTAL_PATH}/request/{sender[1:].replace('.', '_')}/{options['handle_token'][1]}"
        handle = self.own_handle or mine
        if self.writes is not None:
            self.writes[0].write_bytes(self.writes[1])
        if self.answers is not None:
            self._respond(handle, sender, self.answers)
        return "o", (handle,)

    def _respond(self, handle: str, sender: str, response: int) -> None:
        results = {"uri": ("s", self.uri)} if response == GIVEN else {}
        (self.mouthpiece or self).emit(handle, REQUEST, "Response", ("u", response), ("a{sv}", results), to=sender)
