"""The marketplace as a started program: served on a free loopback port, seeded with the demonstration's people."""

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stage.processes import ROOT, Process, StageError, console_script
from stage.waiting import until

_STARTS_WITHIN_S = 60.0


@dataclass(frozen=True)
class Account:
    """Somebody's log-in."""

    email: str
    password: str


@dataclass(frozen=True)
class Agreement:
    """A contract of the demonstration, and where its client finds the diary."""

    id: str
    title: str
    diary: str


@dataclass(frozen=True)
class Seed:
    """What `daybook-marketplace demo` made: the two people and their contracts."""

    client: Account
    freelancer: Account
    contracts: tuple[Agreement, ...]


class Marketplace:
    """`daybook-marketplace serve` on one port, which it keeps when it is stopped and started again."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = ("PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV")
        self._environment = {name: environment[name] for name in kept if name in environment}
        self._environment["DAYBOOK_DATA"] = str(folder / "marketplace")
        self._process: Process | None = None

    def seed(self, *, hold_s: int) -> Seed:
        """Make the demonstration's people and contracts, their policy's hold time in seconds."""
        words = ["demo", "--json", "--port", str(self.port), "--hold-s", str(hold_s)]
        return _read_seed(json.loads(self._say(*words)))

    def add_person(self, account: Account) -> None:
        """Register somebody who has nothing to do with the demonstration's contracts."""
        register = "from marketplace.accounts.models import User; User.objects.create_user({!r}, 'Someone Else', {!r})"
        self.manage(register.format(account.email, account.password))

    def manage(self, statements: str) -> None:
        """Run Django statements in the marketplace's own shell, to bring about what only time or an operator would."""
        self._say("manage", "shell", "-c", statements)

    def start(self) -> None:
        """Serve, and wait until it answers.

        Raises:
            StageError: it did not.
        """
        log = self.folder / "marketplace.log"
        command = [*console_script("daybook-marketplace"), "serve", "--port", str(self.port)]
        self._process = Process(command, environment=self._environment, log=log)
        try:
            until(self._answers, f"the marketplace at {self.url}", within_s=_STARTS_WITHIN_S)
        except StageError as error:
            said = self._process.output().strip()
            self.stop()
            raise StageError(f"{error} It said: {said or 'nothing'}") from None

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _say(self, *words: str) -> str:
        answer = subprocess.run(
            [*console_script("daybook-marketplace"), *words],
            env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if answer.returncode != 0:
            raise StageError(
                f"`daybook-marketplace {words[0]}` ended with {answer.returncode}: {answer.stderr.strip()}"
            )
        return answer.stdout

    def _answers(self) -> bool:
        process = self._process
        if process is None or process.exit_code is not None:
            raise StageError("The marketplace ended at once.")
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/clock", timeout=5) as answer:  # noqa: S310 - our own loopback address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _read_seed(said: dict[str, Any]) -> Seed:
    return Seed(
        client=Account(said["client"]["email"], said["client"]["password"]),
        freelancer=Account(said["freelancer"]["email"], said["freelancer"]["password"]),
        contracts=tuple(Agreement(one["id"], one["title"], one["diary"]) for one in said["contracts"]),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
