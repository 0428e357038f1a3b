"""Losses of task sets, fold by fold, kept in a file: a choice that was interrupted goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from scoring.errors import CheckpointError
from scoring.training.task_source import Stop, TaskSource


class FoldLoss(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file.

    Attributes:
        identity: Of recipe, rows and number of folds.
        tasks: Trained together; the first was asked about.
        fold: From 0.
        loss: Of the first task, on what the fold holds out.
    """

    identity: str
    tasks: tuple[str, ...]
    fold: int
    loss: float


class FoldLosses:
    """What `choose_tasks` asks for: from the file, or trained now.

    Args:
        source: Trains.
        n_folds: Of the rows.
        file: JSON Lines, made where it is missing.
        report: Gets each loss that was trained now.
        stop: Asked after each step.

    Raises:
        CheckpointError: The file holds losses of other rows or settings, or no losses.
    """

    def __init__(
        self,
        source: TaskSource,
        n_folds: int,
        file: Path,
        report: Callable[[FoldLoss], None],
        stop: Stop,
    ) -> None:
        self._source, self._n_folds, self._file = source, n_folds, file
        self._report, self._stop = report, stop
        self._identity = f"{source.identity}-{n_folds}"
        self._known: dict[tuple[frozenset[str], str, int], float] = {}
        raw = file.read_bytes() if file.exists() else b""
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole != raw:  # killed in the middle of a line: that loss is found again
            os.truncate(file, len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                said = msgspec.json.decode(line, type=FoldLoss)
            except ValueError as error:  # msgspec's are such, and of bytes that are no text
                raise CheckpointError(
                    f"{file}:{number} is no loss of a fold ({error}): remove the file"
                ) from error
            if said.identity != self._identity:
                raise CheckpointError(
                    f"{file} holds losses of another recipe, other rows or another number of "
                    "folds: remove it, or name another with --results"
                )
            self._known[_key(said.tasks, said.fold)] = said.loss

    def __call__(self, tasks: tuple[str, ...], fold: int) -> float:
        """The loss of the first of these tasks."""
        key = _key(tasks, fold)
        if key not in self._known:
            loss = self._source.fold_loss(tasks, fold, self._n_folds, self._stop)
            said = FoldLoss(identity=self._identity, tasks=tasks, fold=fold, loss=loss)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as stream:
                stream.write(msgspec.json.encode(said) + b"\n")
            self._known[key] = loss
            self._report(said)
        return self._known[key]


def _key(tasks: tuple[str, ...], fold: int) -> tuple[frozenset[str], str, int]:
    """The order of helpers does not matter."""
    return frozenset(tasks), tasks[0], fold
