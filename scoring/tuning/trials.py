"""What was tried, in a file of JSON Lines: a search that was killed goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
            TrainingError: The file is of another search.
        """
        self.made: list[Trial] = []
        self._file = file
        head = json.dumps(about, sort_keys=True)
        raw = file.read_bytes() if file.is_file() else b""
        if head.encode().startswith(raw):  # no file, or half a first line
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(head + "\n", encoding="utf-8")
            return
        whole, _, _ = raw.rpartition(b"\n")
        first, *lines = whole.decode().split("\n")
        if first != head:
            raise TrainingError(
                f"{file} is of another search ({_difference(first, about)}): choose another folder"
            )
        for line in lines:
            row = json.loads(line)
            self.made.append(Trial(row["number"], row["numbers"], tuple(row["values"])))
        file.write_bytes(whole + b"\n")

    def add(self, trial: Trial) -> None:
        """One more."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(trial)) + "\n")
        self.made.append(trial)


def _difference(first: str, about: Mapping[str, Any]) -> str:
    """The first thing in which two searches differ."""
    try:
        there = json.loads(first)
    except json.JSONDecodeError:
        return "its first line is no search"
    plain = json.loads(json.dumps(about))
    for name in sorted({*there, *plain}):
        if there.get(name) != plain.get(name):
            return f"{name} was {there.get(name)}, and is {plain.get(name)}"
    return "its first line was changed"
