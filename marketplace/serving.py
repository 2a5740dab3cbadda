"""`serve`: migrate in a child process, then run granian as parent and worker and supervise (FINDINGS: it cannot be
embedded in a process that has loaded Django's WSGI application).
"""

import errno
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from marketplace.config import environment
from marketplace.errors import SetupError

_READY_WITHIN_S = 60.0


def serve(settings: environment.Environment) -> int:
    """Serve until SIGTERM or SIGINT; says the address on one line once it answers.

    Raises:
        SetupError: the port is taken or the address is not this machine's.
    """
    port = _free_port(settings.bind_host, settings.bind_port)
    os.environ[environment.BIND] = f"{settings.bind_host}:{port}"
    settings = environment.read(os.environ)
    migrated = subprocess.run([sys.executable, "-m", "marketplace", "migrate"], check=False)
    if migrated.returncode:
        return 1  # the child has said why
    server = Granian(
        "marketplace.config.wsgi:application",
        address=settings.bind_host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=4,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        websockets=False,
    )
    # Not a thread: granian forks its worker, and an import lock that a thread holds then stays locked in the worker.
    announcer = subprocess.Popen([sys.executable, "-c", "from marketplace.serving import announce; announce()"])
    try:
        server.serve()
    except SystemExit as stopped:
        if stopped.code:
            raise SetupError("The marketplace's worker keeps failing; the lines above say why.") from stopped
    finally:
        announcer.terminate()
        announcer.wait()
    return 0


def _free_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise SetupError(f"{host} is no address. Give one of this machine with --host.") from error
        except OSError as error:
            raise SetupError(_why_not(error, host, port)) from error
        return int(probe.getsockname()[1])


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use by another program. Stop that program, or choose another with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine. Give one that is with --host."
        case errno.EACCES:
            return f"Port {port} needs more rights than this account has. Choose one above 1023 with --port."
        case _:
            return f"Cannot listen on {host}, port {port}: {error.strerror}."


def announce() -> None:
    """Say where the marketplace is, once it answers; run in a process of its own (see `serve`)."""
    settings = environment.read(os.environ)
    host = urlsplit(f"//{os.environ[environment.BIND]}").netloc.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - compares
    request = urllib.request.Request(  # noqa: S310 - our own http address
        f"http://{host}/api/v1/clock", headers={"Host": urlsplit(settings.public_url).netloc}
    )
    until = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - likewise
                sys.stdout.write(f"Daybook marketplace ready at {settings.public_url}\n")
                sys.stdout.flush()
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.stderr.write("daybook-marketplace: It has not answered within a minute; the lines above may say why.\n")
