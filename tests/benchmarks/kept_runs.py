"""Trainings that are kept in a file of JSON Lines: what is there is not trained again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Outcome = TypeVar("Outcome", bound="DataclassInstance")


class KeptRuns(Generic[Outcome]):
    """Outcomes by recipe and seed.

    Args:
        outcome: A frozen dataclass of plain values.
        path: The file; None = nothing is kept.
        minutes: No run begins later.
    """

    def __init__(self, outcome: type[Outcome], path: Path | None, minutes: float) -> None:
        self._path = path
        self._end_s = time.monotonic() + 60 * minutes
        self._known: dict[str, Outcome] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self._known[_key(row["recipe"], row["seed"])] = outcome(**row["outcome"])

    def of(self, recipe: Mapping[str, Any], seed: int, train: Callable[[], Outcome]) -> Outcome:
        """From the file, or trained now.

        Raises:
            SystemExit: The time is over.
        """
        key = _key(recipe, seed)
        if key not in self._known:
            if time.monotonic() > self._end_s:
                raise SystemExit("the time is over; the same command goes on")
            self._known[key] = train()
            if self._path is not None:
                row = {"recipe": recipe, "seed": seed, "outcome": asdict(self._known[key])}
                with self._path.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        return self._known[key]


def _key(recipe: Mapping[str, Any], seed: int) -> str:
    return json.dumps([recipe, seed], sort_keys=True)
