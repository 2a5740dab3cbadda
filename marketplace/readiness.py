"""Waits until the marketplace answers, then says where it is; a process of its own beside `serve`.

A thread of the serving process will not do: granian forks its worker from it, and a lock that the thread held at that
moment (an import's, say) would stay held in the worker for ever.
"""

import sys
import time
import urllib.error
import urllib.request

_WITHIN_S = 60.0


def main(address: str, host: str, public_url: str) -> int:
    """Ask `address` for the clock, as `host`, until it answers; then print the line that says so."""
    request = urllib.request.Request(f"{address}/api/v1/clock", headers={"Host": host})  # noqa: S310 - our own address
    until = time.monotonic() + _WITHIN_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - likewise
                sys.stdout.write(f"Daybook marketplace ready at {public_url}\n")
                return 0
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.stderr.write("daybook-marketplace: It has not answered within a minute; the lines above may say why.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
