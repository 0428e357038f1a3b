"""A saved model at work: measured on rows with targets, asked about rows without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from scoring.errors import ModelError, RowsError
from scoring.saved.folder import SavedModel
from scoring.tasks.contract import Answering, Example
from scoring.training.rows import Reading, read_examples
from scoring.training.task_rows import read_questions, read_task_rows
from scoring.training.text import tested

_TOGETHER: Final = 512


def evaluate(
    saved: SavedModel,
    model: Answering,
    folder: Path,
    *,
    task: str | None = None,
    files: Sequence[Path] = (),
    reading: Reading,
) -> dict[str, dict[str, float]]:
    """Measures by task.

    Args:
        saved: What the model says of itself.
        model: The same, loaded.
        folder: Of the recipe's files.
        task: Only this one.
        files: Other rows for this task, with the recipe's columns; without any, the test rows of
            the recipe.
        reading: Notes bad rows.

    Raises:
        ModelError: No such task, or files for no task.
        RowsError: Rows cannot be used, or there are none.
    """
    names = [known(saved, task)] if task is not None else list(saved.recipe.tasks)
    if files and len(names) > 1:
        raise ModelError(f"files for which task? There are {', '.join(names)}: name it with --task")
    if files:
        rows = given_rows(saved, model, names[0], files, reading)
        if measures := model.measures(names[0], rows):
            return {names[0]: measures}
        raise RowsError(
            f"{len(rows)} rows of {', '.join(map(str, files))} tell nothing about {names[0]}: "
            "none has a label that it knows"
        )
    found = tested(
        model,
        {
            name: read_task_rows(
                name, model.tasks[name], saved.recipe.tasks[name], saved.recipe, folder, reading
            )
            for name in names
        },
    )
    if not found:
        raise RowsError(f"the recipe of {saved.folder} has no test rows: give some with --input")
    return found


def predict(
    saved: SavedModel, model: Answering, task: str, file: Path, reading: Reading
) -> Iterator[dict[str, Any]]:
    """One object a row: what was asked, and the answer.

    Raises:
        ModelError: No such task.
        RowsError: Rows cannot be used.
    """
    own = model.tasks[known(saved, task)]
    rows: list[Example] = read_questions(own, saved.recipe.tasks[task], [file], reading)
    for start in range(0, len(rows), _TOGETHER):
        part = rows[start : start + _TOGETHER]
        for row, answer in zip(part, model.answers(task, part), strict=True):
            yield {**dict(zip(own.asked, row.texts, strict=True)), **answer}


def given_rows(
    saved: SavedModel, model: Answering, task: str, files: Sequence[Path], reading: Reading
) -> list[Example]:
    """Rows with targets from files with the recipe's columns, or the documented ones.

    Raises:
        ModelError: No such task.
        RowsError: Rows cannot be used, or there are none.
    """
    settings, own = saved.recipe.tasks[known(saved, task)], model.tasks[task]
    rows = read_examples(
        files,
        settings.columns,
        lambda fields: own.example(fields.as_documented()),
        reading,
        settings.separator,
    )
    if not rows:
        raise RowsError(f"no rows for {task} in {', '.join(map(str, files))}")
    return rows


def validation_rows(
    saved: SavedModel, model: Answering, task: str, folder: Path, reading: Reading
) -> Sequence[Example]:
    """Rows that the recipe keeps from learning, to decide by.

    Raises:
        ModelError: No such task.
        RowsError: Rows cannot be used, or the recipe keeps none.
    """
    settings = saved.recipe.tasks[known(saved, task)]
    own = model.tasks[task]
    rows = read_task_rows(task, own, settings, saved.recipe, folder, reading).validation
    if not rows:
        raise RowsError(f"the recipe of {saved.folder} has no validation rows: give some")
    return rows


def known(saved: SavedModel, task: str) -> str:
    """The task's name, if the model has it.

    Raises:
        ModelError: It has not.
    """
    if task not in saved.recipe.tasks:
        raise ModelError(
            f"{saved.folder} has no task {task!r}; it has {', '.join(saved.recipe.tasks)}"
        )
    return task
