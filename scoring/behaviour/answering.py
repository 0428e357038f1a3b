"""A saved behaviour model at work: measured on rows with labels, asked about rows without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from torch import Tensor

from scoring.behaviour.encoding import encode
from scoring.behaviour.rows import BehaviourRows, read_parts, read_rows
from scoring.behaviour.saved import Behaviour
from scoring.behaviour.training import calibrated, examples, measures
from scoring.errors import ModelError, RowsError
from scoring.training.rows import Reading

_TOGETHER: Final = 4_096
_PLAIN: Final = (str, int, float, bool, type(None))


def evaluate(
    behaviour: Behaviour,
    folder: Path,
    *,
    task: str | None = None,
    files: Sequence[Path] = (),
    reading: Reading,
) -> dict[str, dict[str, float]]:
    """Measures by task, of calibrated chances.

    Args:
        behaviour: The model.
        folder: Of the recipe's files.
        task: Only this one.
        files: Other rows, with what the model reads and the labels of these tasks; without any, the
            test rows of the recipe.
        reading: Notes bad rows.

    Raises:
        ModelError: No such task.
        RowsError: Rows cannot be used, or there are none.
    """
    recipe, tasks = behaviour.saved.recipe, behaviour.tasks
    if task is not None:
        tasks = {task: tasks[_known(behaviour, task)]}
    if files:
        whole = msgspec.structs.replace(recipe, split="hash", group=None)  # nothing is split
        rows = read_rows(files, whole, tasks, reading)
    else:  # all labels are read: what is bad for one task has no part in the split, as in training
        rows = read_parts(recipe, behaviour.tasks, folder, reading).test
    if not len(rows):
        raise RowsError(f"no rows to test {behaviour.saved.folder} with: give some with --input")
    test = examples(recipe, behaviour.saved.encoding, tasks, rows)
    logits = calibrated(behaviour.model, test.inputs)
    return measures(tasks, logits, test.targets)


def predict(
    behaviour: Behaviour, task: str, file: Path, reading: Reading
) -> Iterator[dict[str, Any]]:
    """One object a row: its columns, without lists, and the answer.

    A column that is called as a part of the answer, as `depth` is, comes back as `given_depth`.

    Raises:
        ModelError: No such task.
        RowsError: Rows cannot be used.
    """
    own = behaviour.tasks[_known(behaviour, task)]
    asked: list[Mapping[str, object]] = []
    rows = read_rows([file], behaviour.saved.recipe, {}, reading, sources=asked)
    for start in range(0, len(rows), _TOGETHER):
        part = rows.part(np.arange(start, min(start + _TOGETHER, len(rows))))
        answers = own.answers(calibrated_logits(behaviour, part))
        for row, answer in zip(asked[start : start + _TOGETHER], answers, strict=True):
            yield {**_beside(answer, row), **answer}


def _beside(answer: Mapping[str, Any], row: Mapping[str, object]) -> dict[str, object]:
    """A row's plain columns, by names that the answer has not."""
    found: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, _PLAIN):
            own = name
            while own in answer or (own != name and own in row):
                own = f"given_{own}"
            found[own] = value
    return found


def calibrated_logits(behaviour: Behaviour, rows: BehaviourRows) -> dict[str, Tensor]:
    """Output -> (n,) or (n, C)."""
    inputs = encode(behaviour.saved.recipe.features, behaviour.saved.encoding, rows.features)
    return calibrated(behaviour.model, inputs)


def _known(behaviour: Behaviour, task: str) -> str:
    if task not in behaviour.tasks:
        raise ModelError(
            f"{behaviour.saved.folder} has no task {task!r}; it has {', '.join(behaviour.tasks)}"
        )
    return task
