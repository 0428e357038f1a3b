"""Tells a person at a terminal what a silent command waits for."""

import socket
import sys
import threading
import time
from urllib.parse import urlsplit

from streams.cli.printing import remark

_SILENT_S = 2.0
_CONNECT_S = 1.0


def tell_if_awaited(
    bootstrap: str, *, quiet: bool = False, after_s: float = _SILENT_S
) -> threading.Thread | None:
    """Call before the broker is asked: if none is there in a moment, one line on stderr says so.

    The clients try for 6 to 20 seconds and say nothing meanwhile. Here it is looked once, aside,
    whether anybody listens; what is wrong beyond that, the command's own error says.

    Args:
        bootstrap: Addresses, as in the settings.
        quiet: Whether a script reads the output.
        after_s: When to look.

    Returns:
        What looks; None where nobody would read it.
    """
    if quiet or not sys.stderr.isatty():
        return None

    def look() -> None:
        time.sleep(after_s)
        if not any(map(_listens, bootstrap.split(","))):
            remark(f"Waiting for the broker at {bootstrap} …")

    thread = threading.Thread(target=look, name="awaited", daemon=True)
    thread.start()
    return thread


def _listens(address: str) -> bool:
    try:
        where = urlsplit(f"//{address.strip()}")
        with socket.create_connection((where.hostname or "", where.port or 9092), _CONNECT_S):
            return True
    except (OSError, ValueError):  # what is no address does not listen either
        return False
