"""A real browser with nobody in front of it: logs people in, and reads what the marketplace's pages show.

`python -m stage.browser --email … --password … URL` is what the tracker opens as the system's browser: it goes through
log-in and consent as its person would, and closes.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page, sync_playwright

from stage.person import Input
from stage.processes import ROOT, StageError, program
from stage.servers import Account

_QUIET = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage"]
_WITHIN_MS = 20_000


@dataclass(frozen=True)
class Tile:
    """A segment as the diary page shows it; `page` is its own page's address."""

    segment: str
    worked_ms: int
    input: Input
    has_picture: bool
    page: str


@dataclass(frozen=True)
class DiaryPage:
    """A day of a contract as its page shows it."""

    address: str
    worked_ms: int
    input: Input
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class SegmentPage:
    """A segment's own page: its counts minute by minute and its full pictures' bytes."""

    minutes: dict[int, Input]
    pictures: tuple[bytes, ...]

    @property
    def counted_minutes(self) -> dict[int, Input]:
        """The minutes in which anything was counted."""
        return {minute: one for minute, one in self.minutes.items() if one != Input()}


class Visitor:
    """One person's browser session at one marketplace."""

    def __init__(self, page: Page, server: str) -> None:
        self._page = page
        self._server = server

    def log_in(self, account: Account) -> None:
        """Log in through the page.

        Raises:
            StageError: the page did not let them in.
        """
        self._go(f"{self._server}/accounts/login/")
        _fill_log_in(self._page, account)
        if self._page.locator("input[name=password]").count():
            raise StageError(f"{account.email} could not log in: {_refusal(self._page)}")

    def status_of(self, address: str) -> int:
        """Give the HTTP status with which a page answers this person."""
        answer = self._page.goto(address, timeout=_WITHIN_MS)
        return answer.status if answer else 0

    def diary(self, address: str) -> DiaryPage:
        """Read a diary page."""
        self._go(address)
        main = self._page.locator("main")
        found = self._page.locator("[data-segment]").evaluate_all(_READ_TILES)
        return DiaryPage(
            address=address,
            worked_ms=int(main.get_attribute("data-worked-ms") or -1),
            input=_counts({name: main.get_attribute(f"data-{name}") for name in ("keys", "clicks", "scrolls")}),
            tiles=tuple(
                Tile(one["segment"], int(one["workedMs"]), _counts(one), bool(one["picture"]), str(one["page"]))
                for one in found
            ),
        )

    def segment(self, tile: Tile) -> SegmentPage:
        """Open a tile's own page, and fetch its pictures as the browser does."""
        addresses = self.picture_addresses(tile)
        minutes = self._page.locator("[data-minute]").evaluate_all("rows => rows.map(row => ({...row.dataset}))")
        answers = [self._page.request.get(address, timeout=_WITHIN_MS) for address in addresses]
        for answer in answers:
            if not answer.ok:
                raise StageError(f"The picture {answer.url} answered {answer.status}.")
        return SegmentPage(
            {int(row["minute"]): _counts(row) for row in minutes}, tuple(answer.body() for answer in answers)
        )

    def picture_addresses(self, tile: Tile) -> list[str]:
        """Open a tile's own page and give the addresses of its full pictures."""
        self._go(tile.page)
        return list(self._page.locator("img[data-picture]").evaluate_all("images => images.map(image => image.src)"))

    def let_in(self, address: str, code: str) -> None:
        """Type the code that a tracker on another device shows, and agree."""
        self._go(address)
        self._page.locator("input[name=user_code]").fill(code)
        self._page.locator("input[name=user_code]").press("Enter")
        self._page.locator("[name=action][value=accept]").click(timeout=_WITHIN_MS)
        self._page.wait_for_load_state(timeout=_WITHIN_MS)

    def photograph(self, address: str, file: Path) -> None:
        """Save a diary page as a PNG, its last segment with a picture opened beside it."""
        self.diary(address)
        self._page.locator("[data-segment]:has(img)").last.click()
        self._page.locator("[data-segment-detail] img").first.wait_for(timeout=_WITHIN_MS)
        self._page.wait_for_load_state("networkidle", timeout=_WITHIN_MS)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._page.screenshot(path=file)

    def _go(self, address: str) -> None:
        if (status := self.status_of(address)) != 200:
            raise StageError(f"The page {address} answered {status}.")


@contextmanager
def opened() -> Iterator[Chromium]:
    """Run Debian's chromium without a window for as long as the block lasts."""
    arguments = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program("chromium"), args=arguments)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def visiting(chromium: Chromium, server: str, account: Account | None = None) -> Iterator[Visitor]:
    """Give a fresh session at a marketplace, logged in where an account is given."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    try:
        visitor = Visitor(context.new_page(), server)
        if account is not None:
            visitor.log_in(account)
        yield visitor
    finally:
        context.close()


def as_system_browser(folder: Path, account: Account) -> str:
    """Write a program that consents as this person, and give the value of BROWSER that makes the tracker open it."""
    script = folder / "browser"
    words = [sys.executable, "-m", "stage.browser", "--email", account.email, "--password", account.password]
    script.write_text(f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {shlex.join(words)} "$1"\n', encoding="utf-8")
    script.chmod(0o700)
    return f"{shlex.quote(str(script))} %s &"


def consent(address: str, account: Account) -> None:
    """Go through log-in and consent at the address that the tracker opened, to the page that says it is done.

    Raises:
        StageError: the marketplace did not let the person in.
    """
    with opened() as chromium:
        page = chromium.new_page()
        page.goto(address, timeout=_WITHIN_MS)
        if page.locator("input[name=password]").count():
            _fill_log_in(page, account)
        if page.locator("input[name=password]").count():
            raise StageError(f"{account.email} could not log in: {_refusal(page)}")
        page.locator("[name=allow]").click()
        page.wait_for_url(re.compile(r"^http://(127\.0\.0\.1|localhost):\d+/callback"), timeout=_WITHIN_MS)


def _fill_log_in(page: Page, account: Account) -> None:
    page.locator("input[name=login]").fill(account.email)
    page.locator("input[name=password]").fill(account.password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_load_state(timeout=_WITHIN_MS)


def _refusal(page: Page) -> str:
    return " ".join(page.locator("[role=alert], .field-error").all_inner_texts()) or page.inner_text("main")


def _counts(said: dict[str, str | None]) -> Input:
    return Input(*(int(said.get(name) or 0) for name in ("keys", "clicks", "scrolls")))


_READ_TILES = """tiles => Promise.all(tiles.map(async tile => {
    const images = [...tile.querySelectorAll("img")];
    images.forEach(image => { image.loading = "eager"; });  // those below the fold would wait for being scrolled to
    await Promise.all(images.map(image => image.decode().catch(() => null)));
    return {
        ...tile.dataset,
        picture: images.some(image => image.naturalWidth > 1),
        page: (tile.matches("a[href]") ? tile : tile.querySelector("a[href]"))?.href ?? "",
    };
}))"""


def main() -> int:
    """Consent as the person named on the command line."""
    parser = argparse.ArgumentParser(prog="stage.browser")
    parser.add_argument("--email", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("url")
    said = parser.parse_args()
    try:
        consent(said.url, Account(said.email, said.password))
    except (StageError, BrowserError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
