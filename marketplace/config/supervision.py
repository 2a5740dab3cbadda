"""A worker follows its supervisor: killed outright, that one cannot stop it, and it would keep the port for ever."""

import os
import signal
import threading
import time
from collections.abc import Mapping

SUPERVISOR = "DAYBOOK_SUPERVISOR"
_LOOK_EVERY_S = 1.0


def follow(environ: Mapping[str, str]) -> None:
    """Stop this process once the process that `serve` named is no longer its parent; without a name do nothing."""
    supervisor = environ.get(SUPERVISOR)
    if supervisor:
        threading.Thread(target=_watch, args=(int(supervisor),), name="supervision", daemon=True).start()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
