"""Who reads our output may go (head, less): a command then ends as `yes | head` does, quietly."""

import os
import select
import sys
from typing import IO


def reader_is_gone() -> bool:
    """Tell whether nobody reads stdout or stderr any more.

    Ask at a BrokenPipeError: a network connection that breaks is one, too, and is no end.
    """
    return any(_is_gone(stream) for stream in (sys.stdout, sys.stderr))


def write_nowhere(stream: IO[str]) -> None:
    """Lose what a stream still holds: the interpreter would try once more, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _is_gone(stream: IO[str] | None) -> bool:
    if stream is None:  # it was closed before we began, and nothing is written to it
        return False
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # a stream of Python's own has no reader
        return False
    asked = select.poll()
    asked.register(number, 0)  # an error is told unasked
    return any(told & select.POLLERR for _, told in asked.poll(0))
