"""Files of a task -> rows to learn from, to validate with, and to test with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scoring.errors import RowsError
from scoring.tasks.contract import Example, Task
from scoring.training.recipe import AnyTask, ClassificationSettings, Recipe
from scoring.training.rows import Fields, Reading, files_in, read_examples
from scoring.training.split import first_of_each, place_of, split


@dataclass(frozen=True, slots=True)
class TaskRows:
    """All rows of a task.

    Attributes:
        train: To learn from.
        validation: Decide what is best, and calibrate.
        test: Never looked at in training; labels that were held out are among them.
        outside: Texts of other domains, for a task that abstains.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    outside: tuple[Example, ...] = ()


def read_task_rows(
    name: str, task: Task, settings: AnyTask, recipe: Recipe, folder: Path, reading: Reading
) -> TaskRows:
    """Read and split the rows of a task.

    Args:
        name: Of the task, for messages.
        task: Makes rows examples.
        settings: Its files and shares.
        recipe: Seeds.
        folder: Where the files are.
        reading: Notes bad rows.

    Raises:
        RowsError: A file is missing, a bad row is not to be skipped, or too few are left.
    """

    def read(files: Sequence[str]) -> list[Example]:
        paths = files_in(folder, files)
        return read_examples(paths, settings.columns, task.example, reading, settings.separator)

    rest = read(settings.train)
    test, rest = _part(settings.test, rest, read, recipe.split_seed, "test")
    validation, train = _part(settings.validation, rest, read, recipe.split_seed, "validation")
    outside: list[Example] = []
    if isinstance(settings, ClassificationSettings):
        train = [row for row in train if row.target != settings.none_label]
        held_out = _held_out(settings, train, recipe.split_seed)
        train = [row for row in train if row.target not in held_out]
        if settings.per_class is not None:
            seed = recipe.training.seed
            train = first_of_each(train, _label, _first, settings.per_class, seed)
        outside = read_examples(
            files_in(folder, settings.outside),
            settings.outside_columns or {"text": settings.columns.get("text", "text")},
            task.question,
            reading,
            settings.separator,
        )
    if settings.max_rows is not None and len(train) > settings.max_rows:
        seed = recipe.training.seed
        train = sorted(train, key=lambda row: place_of(_first(row), "fewer", seed))
        train = train[: settings.max_rows]
    if isinstance(settings, ClassificationSettings):
        known = {row.target for row in train}
        validation = [row for row in validation if row.target in known]
    if len(train) < 2:
        raise RowsError(
            f"task {name} has {len(train)} rows to learn from ({len(reading.bad)} bad, "
            f"{reading.n_left_out} left out): two at least"
        )
    return TaskRows(tuple(train), tuple(validation), tuple(test), tuple(outside))


def read_questions(
    task: Task, settings: AnyTask, files: Sequence[Path], reading: Reading
) -> list[Example]:
    """Rows to be predicted: without targets, with the recipe's columns where a file has them."""

    def make(fields: Fields) -> Example:
        return task.question(fields.as_documented())

    return read_examples(files, settings.columns, make, reading, settings.separator)


def _part(
    what: list[str] | float,
    rows: list[Example],
    read: Callable[[Sequence[str]], list[Example]],
    seed: int,
    salt: str,
) -> tuple[list[Example], list[Example]]:
    """Files, or a share of the rows -> (that part, the rest)."""
    if isinstance(what, list):
        return read(what), rows
    return split(rows, _first, what, salt, seed)


def _held_out(settings: ClassificationSettings, rows: Sequence[Example], seed: int) -> set[object]:
    labels = sorted({_label(row) for row in rows}, key=lambda label: place_of(label, "held", seed))
    return set(labels[: settings.hold_out_labels])


def _label(row: Example) -> str:
    return str(row.target)


def _first(row: Example) -> str:
    return row.texts[0]


def fingerprint(rows: Sequence[Example]) -> str:
    """What tells two sets of rows apart, for a checkpoint that goes on with the same ones."""
    digest = hashlib.blake2b(digest_size=8)
    for row in rows:
        digest.update(msgspec.json.encode([row.texts, row.target]))
    return f"{len(rows)} rows {digest.hexdigest()}"
