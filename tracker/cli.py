"""The command line `daybook`: parses, asks the engine, prints; everything it says is a sentence or documented JSON."""

import argparse
import faulthandler
import getpass
import io
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import msgspec
import platformdirs

from tracker import app, commands, dumps, edit_line
from tracker.commands import Answer, Refused
from tracker.control import NotRunningError
from tracker.domain.errors import BugError, RefusedError, TrackerError
from tracker.domain.events import Declared
from tracker.domain.exclusion import Rule, Subject
from tracker.preferences import PREFERENCES, find
from tracker.printing import (
    contracts_text,
    diary_text,
    doctor_text,
    exclusions_text,
    plain,
    preferences_text,
    status_text,
    sync_text,
)
from tracker.snapshotter import DrawInstants, uniform

_INTERRUPTED = 130
_NOBODY_READS = 141  # what a shell says of a program that SIGPIPE ended
_AnswerT = TypeVar("_AnswerT")


def main(argv: Sequence[str] | None = None, *, draw_instants: DrawInstants = uniform) -> int:
    """Run one command and give its exit code.

    Args:
        argv: the words after the program's name; None takes the process's.
        draw_instants: draws the instants of a segment's snapshots.
    """
    dumps.forbid_core_dumps()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows the rest
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    options = app.Options(arguments.data, arguments.key_file, draw_instants)
    log = _CrashLog(options.data)
    logging.getLogger().addHandler(log)
    try:
        return _COMMANDS[arguments.command](options, arguments)
    except TrackerError as error:
        print(plain(str(error)), file=sys.stderr)  # noqa: T201 (the command line's voice)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains as it ends
        return _NOBODY_READS
    except Exception:  # noqa: BLE001 (no traceback reaches a person; it goes to the file that the sentence names)
        said = _write_crash(options.data, traceback.format_exc())
        print(f"Daybook met an error of its own and ended. {said}", file=sys.stderr)  # noqa: T201
        return BugError.exit_code
    finally:
        logging.getLogger().removeHandler(log)


def _run(options: app.Options, arguments: argparse.Namespace) -> int:
    faulthandler.enable()
    logging.captureWarnings(True)  # noqa: FBT003 (the standard library's signature)
    threading.excepthook = _log_thread
    return app.run(options, is_headless=arguments.headless)


def _login(options: app.Options, arguments: argparse.Namespace) -> int:
    # Asked first even where it is not needed: a keyring or buffer that fails is told before the person logs in.
    known = _known_server(options)
    server = arguments.server or known
    if server is None:
        raise RefusedError("Name the marketplace to log in to: daybook login --server https://market.example")
    if arguments.device:
        result = app.device_log_in(server, _show_code)
    else:
        _say("Log in in the browser window that opens now; press Ctrl-C to give up.")
        result = app.browser_log_in(server, threading.Event())
    _tell(app.ask(options, result))
    if not app.has_recovery_code(options):
        _say(
            "If your keyring or key file is lost, what is not sent yet is lost with it, unless you have a recovery "
            "code. Make one now, and write it down: daybook recovery-code"
        )
    return 0


def _recovery_code(options: app.Options, _: argparse.Namespace) -> int:
    had_one = app.has_recovery_code(options)
    _say(app.make_recovery_code(options))
    _say(
        "Write this down and keep it away from this computer. With it, daybook restore puts the buffer's key back "
        "when your keyring or key file is lost; without either nobody can read the buffer, nor can we."
    )
    if had_one:
        _say("The code you had before is void now.")
    return 0


def _restore(options: app.Options, _: argparse.Namespace) -> int:
    """Ask for the code where nobody looks: it never stands on the command line, which others can read."""
    try:
        code = getpass.getpass("Recovery code: ") if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        code = ""
    if not app.restore_key(options, code):
        _say("The buffer's key is in your keyring or key file already; nothing was changed.")
        return 0
    _say(
        "The buffer's key is back in your keyring or key file. The log-in and this device's signing key are not part "
        "of it: if they are gone too, log in again with: daybook login"
    )
    return 0


def _known_server(options: app.Options) -> str | None:
    return _expect(app.ask(options, commands.GetStatus()), commands.StatusAnswer).status.sync.server


def _show_code(address: str, code: str) -> None:
    _say(f"Open {address} on any device and type the code {code}")


def _contracts(options: app.Options, arguments: argparse.Namespace) -> int:
    answer = _expect(app.ask(options, commands.GetContracts()), commands.ContractsAnswer)
    return _show(answer, contracts_text, as_json=arguments.json)


def _start(options: app.Options, arguments: argparse.Namespace) -> int:
    return _tell(app.ask_running(options, commands.Start(arguments.contract, arguments.memo)))


def _memo(options: app.Options, arguments: argparse.Namespace) -> int:
    return _tell(app.ask_running(options, commands.SetMemo(arguments.text)))


def _resume(options: app.Options, arguments: argparse.Namespace) -> int:
    command = commands.Resume(keeps=arguments.keep, assign_to=arguments.assign, memo=arguments.memo)
    return _tell(app.ask_running(options, command))


def _declare(options: app.Options, arguments: argparse.Namespace) -> int:
    declared = None if arguments.work == "off" else Declared(arguments.work)
    return _tell(app.ask_running(options, commands.Declare(declared)))


def _approve(options: app.Options, arguments: argparse.Namespace) -> int:
    return _tell(app.ask_running(options, commands.ApproveSnapshot(arguments.snapshot)))


def _exclude(options: app.Options, arguments: argparse.Namespace) -> int:
    """Change or list the rules; those of a tracker that does not run are its buffer's."""
    if arguments.action == "list":
        answer = _expect(app.ask(options, commands.GetExclusions()), commands.ExclusionsAnswer)
        return _show(answer, exclusions_text, as_json=arguments.json)
    subject = Subject.TITLE if arguments.application is None else Subject.APPLICATION
    rule = Rule(subject, arguments.title if arguments.application is None else arguments.application)
    command = commands.AddExclusion(rule) if arguments.action == "add" else commands.RemoveExclusion(rule)
    return _tell(app.ask(options, command))


def _stop(options: app.Options, _: argparse.Namespace) -> int:
    return _tell(app.ask_running(options, commands.Stop()))


def _quit(options: app.Options, _: argparse.Namespace) -> int:
    return _tell(app.ask_running(options, commands.Quit()))


def _status(options: app.Options, arguments: argparse.Namespace) -> int:
    try:
        answer, is_running = app.ask_running(options, commands.GetStatus()), True
    except NotRunningError:
        answer, is_running = app.ask(options, commands.GetStatus()), False
    status = _expect(answer, commands.StatusAnswer).status
    if status.snapshot is not None:  # the picture is for the window alone
        status = msgspec.structs.replace(status, snapshot=msgspec.structs.replace(status.snapshot, thumbnail=None))
    report = {"running": is_running, **msgspec.to_builtins(status)}
    text = plain(status_text(status, is_running=is_running))
    _say(msgspec.json.encode(report).decode() if arguments.json else text)
    return 0


def _diary(options: app.Options, arguments: argparse.Namespace) -> int:
    answer = _expect(app.ask(options, commands.GetDiary(arguments.day)), commands.DiaryAnswer)
    return _show(answer, diary_text, as_json=arguments.json)


def _edit(options: app.Options, arguments: argparse.Namespace) -> int:
    return _tell(app.ask(options, edit_line.command_of(arguments, lambda: _today(options))))


def _undo(options: app.Options, _: argparse.Namespace) -> int:
    return _tell(app.ask(options, commands.Undo()))


def _today(options: app.Options) -> date:
    """Ask what UTC day it is by the marketplace's clock."""
    now_ms = _expect(app.ask(options, commands.GetStatus()), commands.StatusAnswer).status.now_ms
    return datetime.fromtimestamp(now_ms / 1000, UTC).date()


def _sync(options: app.Options, arguments: argparse.Namespace) -> int:
    answer = _expect(app.ask(options, commands.Sync()), commands.SyncAnswer)
    _show(answer, sync_text, as_json=arguments.json)
    return 0 if answer.problem is None else 2


def _set(options: app.Options, arguments: argparse.Namespace) -> int:
    if arguments.value is not None:
        return _tell(app.ask(options, commands.SetPreference(arguments.name, arguments.value)))
    answer = _expect(app.ask(options, commands.GetPreferences()), commands.PreferencesAnswer)
    if arguments.name is not None:
        name = find(arguments.name).name
        answer = commands.PreferencesAnswer(tuple(one for one in answer.preferences if one.name == name))
    return _show(answer, preferences_text, as_json=arguments.json)


def _doctor(_: app.Options, arguments: argparse.Namespace) -> int:
    from tracker.doctor import examine  # noqa: PLC0415 (loads every back end, the keyring and Qt)

    report = examine()
    _show(report, doctor_text, as_json=arguments.json)
    return 0 if all(finding.works for finding in report.findings) else 2


_COMMANDS: dict[str, Callable[[app.Options, argparse.Namespace], int]] = {
    "run": _run,
    "login": _login,
    "contracts": _contracts,
    "start": _start,
    "memo": _memo,
    "resume": _resume,
    "declare": _declare,
    "approve": _approve,
    "exclude": _exclude,
    "stop": _stop,
    "status": _status,
    "diary": _diary,
    "edit": _edit,
    "undo": _undo,
    "sync": _sync,
    "set": _set,
    "doctor": _doctor,
    "recovery-code": _recovery_code,
    "restore": _restore,
    "quit": _quit,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daybook", description="Tracks time on freelance contracts.")
    parser.add_argument("--version", action="version", version=f"daybook {metadata.version('daybook')}")
    parser.add_argument(
        "--data",
        type=_path,
        default=Path(platformdirs.user_data_dir("daybook")),
        metavar="DIR",
        help="where the encrypted buffer lives (default: %(default)s)",
    )
    parser.add_argument(
        "--key-file",
        type=_path,
        metavar="FILE",
        help="keep keys and tokens in this file, readable by you alone, instead of the system's keyring",
    )
    words = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = words.add_parser("run", help="open the tray application")
    run.add_argument("--headless", action="store_true", help="run without a window")
    login = words.add_parser("login", help="log in through the system's browser")
    login.add_argument("--server", type=_text, metavar="URL", help="the marketplace's address; not needed again later")
    login.add_argument("--device", action="store_true", help="show a code to type into a browser elsewhere")
    _add(words, "contracts", "list the contracts", as_json=True)
    start = words.add_parser("start", help="start the timer, or switch it to another contract")
    start.add_argument(
        "contract", type=_text, nargs="?", help="its title, the beginning of it, or its id; default: the last one"
    )
    start.add_argument("--memo", type=_text, help="what you are doing")
    memo = words.add_parser("memo", help="say what you are doing from now on")
    memo.add_argument("text", type=_text)
    resume = words.add_parser("resume", help="track on after a pause; the time away is discarded unless you say else")
    away = resume.add_mutually_exclusive_group()
    away.add_argument("--keep", action="store_true", help="keep the time away as manual time")
    away.add_argument("--assign", metavar="CONTRACT", help="give the time away, as manual time, to another contract")
    resume.add_argument("--memo", help="what you did in the time away, with --assign")
    declare = words.add_parser("declare", help="declare reading or a meeting, in which idleness is not looked for")
    declare.add_argument("work", choices=[*Declared, "off"])
    approve = words.add_parser("approve", help="let a snapshot leave that waits for it (daybook status names it)")
    approve.add_argument("snapshot", type=int, metavar="NUMBER")
    _add_exclude(words)
    words.add_parser("stop", help="stop the timer")
    _add(words, "status", "show what is tracked and what waits", as_json=True)
    diary = _add(words, "diary", "show a day's segments", as_json=True)
    diary.add_argument("day", type=_text, nargs="?", help="a UTC day as YYYY-MM-DD (default: today)")
    edit_line.add_words(words, _text)
    _add(words, "sync", "send what waits now", as_json=True)
    preference = _add(words, "set", "list your settings, or set one", as_json=True)
    preference.add_argument("name", type=_text, nargs="?", help="; ".join(_preference_help()))
    preference.add_argument("value", type=_text, nargs="?", help="on or off")
    _add(words, "doctor", "test every back end and say what to mend", as_json=True)
    words.add_parser("recovery-code", help="make and show the code that puts the buffer's key back; voids the old one")
    words.add_parser("restore", help="put the buffer's key back into the keyring or key file; asks for the code")
    words.add_parser("quit", help="end a running tracker, saving first")
    return parser


def _preference_help() -> list[str]:
    return [f"{one.name}: {one.help} (default: {'on' if one.default else 'off'})" for one in PREFERENCES.values()]


def _add_exclude(words: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    exclude = words.add_parser("exclude", help="withhold every snapshot with such a window on the screen")
    actions = exclude.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action, text in (("add", "exclude from now on"), ("remove", "exclude no more")):
        rule = actions.add_parser(action, help=text).add_mutually_exclusive_group(required=True)
        rule.add_argument("--application", type=_text, metavar="NAME", help="its whole name, in any case of letters")
        rule.add_argument("--title", type=_text, metavar="TEXT", help="any part of a window's title, likewise")
    _add(actions, "list", "show the rules, and what the applications on the screen are called", as_json=True)


def _path(word: str) -> Path:
    try:
        return Path(word).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"there is no such home folder: {word}") from error


def _text(word: str) -> str:
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError("this is no text in the terminal's encoding") from error
    return word


def _add(
    words: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, *, as_json: bool
) -> argparse.ArgumentParser:
    parser = words.add_parser(name, help=text)
    if as_json:
        parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


class _RefusalError(TrackerError):
    """The engine refused a command; it says the exit code."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.sentence)
        self.exit_code = refused.exit_code


def _expect(answer: Answer, kind: type[_AnswerT]) -> _AnswerT:
    """Give the answer if it is of the kind asked for.

    Raises:
        TrackerError: the engine refused.
    """
    if isinstance(answer, Refused):
        raise _RefusalError(answer)
    if not isinstance(answer, kind):
        raise BugError(f"The tracker answered {type(answer).__name__} where {kind.__name__} was asked for.")
    return answer


def _show(shown: _AnswerT, as_text: Callable[[_AnswerT], str], *, as_json: bool) -> int:
    _say(msgspec.json.encode(shown).decode() if as_json else plain(as_text(shown)))
    return 0


def _tell(answer: Answer) -> int:
    _say(plain(_expect(answer, commands.Done).sentence))
    return 0


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 (the command line's voice)


class _CrashLog(logging.Handler):
    """Keeps warnings and errors of our own in the data folder; none is printed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(asctime)s %(threadName)s %(name)s: %(message)s"))
        self._folder = folder

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record down."""
        _write_crash(self._folder, self.format(record))


def _log_thread(died: threading.ExceptHookArgs) -> None:
    """Log what ended a thread of ours."""
    name = "a thread" if died.thread is None else died.thread.name
    details = (died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback)
    logging.getLogger(__name__).error("The thread %s ended by an error of its own.", name, exc_info=details)


def _write_crash(folder: Path, details: str) -> str:
    """Add the details to the crash file and say where it is."""
    file = folder / "crash.log"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{details}\n")
    except OSError as error:
        return f"What was recorded is safe; the details could not be written to {file} ({error.strerror})."
    return f"What was recorded is safe; the details are in {file}, please send them to the makers."
