"""`serve`: migrate in a child process, then run granian as parent and worker and supervise.

The parent never loads Django: granian forks its worker, which must come from a process without threads or connections.
"""

import errno
import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from marketplace.config import environment, supervision
from marketplace.errors import SetupError


def serve(settings: environment.Environment) -> int:
    """Serve until SIGTERM or SIGINT; says the address on one line once it answers.

    Raises:
        SetupError: the port is taken or the address is not this machine's.
    """
    port = _free_port(settings.bind_host, settings.bind_port)
    os.environ[environment.BIND] = f"{settings.bind_host}:{port}"
    os.environ[supervision.SUPERVISOR] = str(os.getpid())
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
    announcer = _announcer(settings)
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
            return (
                f"Port {port} of {host} is in use by another program. Stop that program, or choose another with --port."
            )
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine. Give one that is with --host."
        case errno.EACCES:
            return f"Port {port} needs more rights than this account has. Choose one above 1023 with --port."
        case _:
            return f"Cannot listen on {host}, port {port}: {error.strerror}."


def _announcer(settings: environment.Environment) -> subprocess.Popen[bytes]:
    """Start the process that says where the marketplace is, once it answers."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
    host = everywhere.get(settings.bind_host, settings.bind_host)
    address = f"http://[{host}]:{settings.bind_port}" if ":" in host else f"http://{host}:{settings.bind_port}"
    public = urlsplit(settings.public_url).netloc
    return subprocess.Popen([sys.executable, "-m", "marketplace.readiness", address, public, settings.public_url])
