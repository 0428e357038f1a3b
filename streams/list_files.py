"""Files of lists, as `rillstream subscribe --json` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.errors import BadFileError, RejectedError
from streams.outputs import Recommendation, decode_recommendation


def read_lists(paths: Sequence[Path]) -> Iterator[Recommendation]:
    """Every list of these JSON Lines files.

    Raises:
        BadFileError: A file cannot be read, or a line is no list; the message has file and line.
    """
    for path in paths:
        try:
            file = path.open("rb")
        except OSError as error:
            raise BadFileError(f"{path}: {error.strerror}") from None
        with file:
            for number, line in enumerate(file, 1):
                try:
                    yield decode_recommendation(line)
                except RejectedError as error:
                    raise BadFileError(f"{path}:{number}: {error.reason}") from None
