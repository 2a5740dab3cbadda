"""The tracker: as a started program for whoever uses the stage, and composed for an early snapshot.

`python -m stage.tracker …` is the command `daybook …` with one part exchanged: the instants of a segment's snapshots
are not drawn over its ten minutes but lie a few seconds ahead, so that a short demonstration has a picture. The
shipped program has no such switch; its composition root takes the drawer as an argument.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stage.processes import ROOT, Process, StageError, console_script
from stage.waiting import until

SOON_MS = 4_000
_BETWEEN_MS = 3_000
_LATEST_MS = 600_000 - 500
_COMMAND_WITHIN_S = 60.0


def soon(segment_start_ms: int, count: int) -> tuple[int, ...]:
    """Give a segment's snapshot instants, in milliseconds from its start: a few seconds from now, then seconds apart.

    The tracker asks when tracking first touches a segment. Where its end is too near, they lie just before that.
    """
    first_ms = max(0, time.time_ns() // 1_000_000 - segment_start_ms + SOON_MS)
    return tuple(min(first_ms + number * _BETWEEN_MS, _LATEST_MS) for number in range(count))


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


class Tracker:
    """One person's tracker on one machine: its buffer's folder, its environment, and the running program, if any.

    Args:
        folder: takes its log, and its buffer in `tracker/` where `data` names no other place.
        environment: everything its processes see of the machine.
        key_file: where keys are kept instead of the keyring.
        data: the buffer's folder.
        draws_early: whether snapshots come a few seconds after the start (`soon`).
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        key_file: Path | None = None,
        data: Path | None = None,
        draws_early: bool = False,
    ) -> None:
        self.folder = folder
        self.data = data or folder / "tracker"
        self.environment = dict(environment)
        self._program = [sys.executable, "-m", "stage.tracker"] if draws_early else console_script("daybook")
        self._options = ["--data", str(self.data), *(["--key-file", str(key_file)] if key_file else [])]
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The running tracker's process id.

        Raises:
            StageError: it does not run.
        """
        if self._process is None:
            raise StageError("The tracker is not running.")
        return self._process.pid

    def command(self, *words: str) -> list[str]:
        """Give the whole command line of one of the tracker's commands."""
        return [*self._program, *self._options, *words]

    def say(self, *words: str, environment: Mapping[str, str] | None = None) -> Said:
        """Run a command and give its answer, whatever it is.

        Raises:
            StageError: it did not answer in time.
        """
        try:
            answer = subprocess.run(
                self.command(*words), env=dict(environment or self.environment), cwd=ROOT, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, check=False, timeout=_COMMAND_WITHIN_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise StageError(f"`daybook {words[0]}` has not answered within {_COMMAND_WITHIN_S:g} s.") from None
        return Said(answer.returncode, answer.stdout, answer.stderr)

    def do(self, *words: str) -> str:
        """Run a command that must succeed, and give what it printed.

        Raises:
            StageError: it failed; the sentence is its own.
        """
        said = self.say(*words)
        if said.code != 0:
            raise StageError(f"`daybook {' '.join(words)}` ended with {said.code}: {(said.err or said.out).strip()}")
        return said.out.strip()

    def ask(self, *words: str) -> Any:
        """Run a command with --json and give its answer."""
        return json.loads(self.do(*words, "--json"))

    def run(self, *words: str) -> Process:
        """Start `daybook run …` and wait until it answers commands.

        Raises:
            StageError: it ended, or does not answer.
        """
        process = Process(self.command("run", *words), environment=self.environment, log=self.folder / "tracker.log")
        self._process = process
        until(lambda: self._answers(process), "the tracker to answer", within_s=30.0)
        return process

    def quit(self) -> None:
        """End the running tracker as its person would, and wait for its end."""
        if self._process is not None:
            self.do("quit")
            self._process.wait(20.0)
            self._process = None

    def stop(self) -> None:
        """End the running tracker, if any, however it is."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def diary(self, *days: str) -> list[dict[str, Any]]:
        """Give the tracker's own segments of these UTC days (today without any), in order."""
        return [segment for day in days or ("",) for segment in self.ask("diary", *filter(None, [day]))["segments"]]

    def _answers(self, process: Process) -> bool:
        if process.exit_code is not None:
            raise StageError(f"The tracker ended with {process.exit_code}: {process.output().strip()}")
        # A running tracker's lock keeps others out, so only its own answer tells that it is there.
        return self.say("status", "--json").code == 0


def main() -> int:
    """Run the tracker with early snapshots."""
    from tracker import cli  # noqa: PLC0415 - only this composition needs the tracker's code; others start its program

    return cli.main(sys.argv[1:], draw_instants=soon)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
