"""What was tried, in a file of JSON Lines: a search that was killed goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from scoring.errors import TrainingError
from scoring.tuning.search import Trial


class Trials:
    """The trials of one search; each is on the disk before the next begins.

    A kill in the middle of a line leaves half of one: it is cut off, and that trial is made again,
    with the same outcome.

    Attributes:
        made: In their order.
    """

    def __init__(self, file: Path, about: Mapping[str, Any]) -> None:
        """Open, or begin.

        Args:
            file: Its first line says what was searched.
            about: Everything that the outcome of a trial depends on, plain values.

        Raises:
            TrainingError: The file is of another search, or a line of it is no trial.
        """
        self.made: list[Trial] = []
        self._file = file
        head = json.dumps(about, sort_keys=True)
        raw = file.read_bytes() if file.is_file() else b""
        if head.encode().startswith(raw):  # no file, or half a first line
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(head + "\n", encoding="utf-8")
            return
        whole = raw[: raw.rfind(b"\n") + 1]
        first, *lines = whole.splitlines() or [b""]
        if first != head.encode():
            raise TrainingError(
                f"{file} is of another search ({_difference(first, about)}): choose another folder"
            )
        for number, line in enumerate(lines, 2):
            try:
                self.made.append(msgspec.convert(json.loads(line), Trial))  # may hold nan
            except ValueError as error:  # msgspec's are such, and of bytes that are no text
                raise TrainingError(
                    f"{file}:{number} is no trial ({error}): choose another folder"
                ) from error
        os.truncate(file, len(whole))

    def add(self, trial: Trial) -> None:
        """One more."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(trial)) + "\n")
        self.made.append(trial)


def _difference(first: bytes, about: Mapping[str, Any]) -> str:
    """The first thing in which two searches differ."""
    try:
        there = msgspec.json.decode(first, type=dict[str, Any])
    except ValueError:
        return "its first line is no search"
    plain = json.loads(json.dumps(about))
    for name in sorted({*there, *plain}):
        if there.get(name) != plain.get(name):
            return f"{name} was {there.get(name)}, and is {plain.get(name)}"
    return "its first line was changed"
