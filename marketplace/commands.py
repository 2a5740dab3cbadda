"""The command line: every failure that a person can mend is one sentence and a non-zero exit."""

import argparse
import os
import sys
from collections.abc import Sequence

from marketplace.clock import now_ms
from marketplace.config import environment
from marketplace.errors import SetupError
from marketplace.storage import trouble_of

_SETTINGS = "marketplace.config.settings"
_BIND = "127.0.0.1:8000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give the exit code."""
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except SetupError as error:
        _complain(str(error))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        _complain(trouble.sentence)
    return 1


def _run(given: argparse.Namespace) -> int:
    if given.data:
        os.environ[environment.DATA] = given.data
    if given.command in {"serve", "demo"}:
        _choose_bind(given.host, given.port)
    settings = environment.read(os.environ)
    environment.prepare(settings, os.environ)
    os.environ["DJANGO_SETTINGS_MODULE"] = _SETTINGS
    match given.command:
        case "serve":
            from marketplace import serving  # noqa: PLC0415 - the other commands need no web server

            return serving.serve(settings)
        case "migrate":
            from marketplace import setup  # noqa: PLC0415 - Django must see the environment set above

            setup.migrate()
        case "new-epoch":
            from marketplace import setup  # noqa: PLC0415 - likewise

            setup.start_django()
            from marketplace.record import services as record  # noqa: PLC0415 - models need a started Django

            print(f"The log goes on in a new epoch: {record.begin_epoch(now_ms=now_ms())}")  # noqa: T201 - the answer
        case "demo":
            from marketplace import setup  # noqa: PLC0415 - likewise

            setup.start_django()
            from marketplace import demo  # noqa: PLC0415 - models need a started Django

            print(demo.told(demo.seed(hold_s=given.hold_s), as_json=given.json))  # noqa: T201 - what was asked for
        case _:
            from django.core.management import execute_from_command_line  # noqa: PLC0415 - likewise

            execute_from_command_line(["daybook-marketplace manage", *given.arguments])
    return 0


def _choose_bind(host: str | None, port: int | None) -> None:
    """Let the command line's address win over the environment's, and either over the default."""
    known_host, _, known_port = os.environ.get(environment.BIND, _BIND).rpartition(":")
    os.environ[environment.BIND] = f"{host or known_host}:{port if port is not None else known_port}"


def _complain(sentence: str) -> None:
    sys.stderr.write(f"daybook-marketplace: {sentence}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daybook-marketplace", description="The Daybook marketplace.")
    parser.set_defaults(data=None)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, what: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--data", metavar="DIR", help=f"the data folder (else {environment.DATA})")
        return command

    serve = add("serve", "Bring the database up to date and serve API and pages.")
    serve.add_argument("--host", help=f"address to listen on (else {environment.BIND}'s, else this machine only)")
    serve.add_argument("--port", type=int, help=f"port to listen on (else {environment.BIND}'s, else 8000)")
    add("migrate", "Bring the database up to date.")
    add("new-epoch", "Begin a new epoch of the log, after a backup was restored (docs/operate).")
    demo = add("demo", "Make or refresh the demo client, freelancer and contracts (this machine only).")
    demo.add_argument(
        "--hold-s", type=int, default=60, metavar="N", help="seconds that a snapshot is held (default: 60)"
    )
    demo.add_argument(
        "--port", type=int, help=f"port that the marketplace listens on (else {environment.BIND}'s, else 8000)"
    )
    demo.set_defaults(host=None)
    demo.add_argument("--json", action="store_true", help="print log-ins and contract ids as JSON")
    manage = add("manage", "Pass a command on to Django.")
    manage.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser
