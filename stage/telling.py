"""The demonstration's running account: calm lines, each with the time since its beginning."""

import time

_BEGAN_S = time.monotonic()


def say(line: str) -> None:
    """Tell what happened, now."""
    minutes, seconds = divmod(int(time.monotonic() - _BEGAN_S), 60)
    print(f"{minutes:3}:{seconds:02}  {line}", flush=True)


def add(line: str = "") -> None:
    """Add to what was just told."""
    print(f"        {line}".rstrip(), flush=True)
