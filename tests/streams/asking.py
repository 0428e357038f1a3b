"""Asks a process how it is, as a platform does."""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection, HTTPException


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody has at this moment."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as free:
        free.bind((address, 0))
        return int(free.getsockname()[1])


def ask(port: int, path: str, address: str = "127.0.0.1") -> tuple[int, str]:
    """Status and text.

    Raises:
        OSError: Nobody answers.
    """
    connection = HTTPConnection(address, port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def ask_until(port: int, path: str, status: int, timeout_s: float = 60) -> str:
    """The text that comes with a status, once it is the answer."""
    deadline = time.monotonic() + timeout_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = found, text = ask(port, path)
        except (OSError, HTTPException) as error:
            last = error
        else:
            if found == status:
                return text
        time.sleep(0.05)
    raise AssertionError(f"{path} was not {status} within {timeout_s} s: {last}")
