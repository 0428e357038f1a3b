"""Files of impressions and decisions -> columns; which rows are learned, validated and tested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.behaviour.columns import items, number, vector, word
from scoring.behaviour.recipe import (
    BehaviourRecipe,
    CategorySettings,
    CosineSettings,
    Feature,
    HistorySettings,
    NumberSettings,
    RateSettings,
    VectorSettings,
)
from scoring.behaviour.tasks.contract import BehaviourTask
from scoring.errors import RowsError
from scoring.training.rows import Fields, Reading, files_in, read_examples
from scoring.training.split import place_of

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class BehaviourRows:
    """n rows, by column.

    Attributes:
        features: Name -> (n,) float32 numbers, (n,) words, (n, D) float32 vectors, or (n,) lists.
        labels: Task -> (n, k), empty for rows that are only asked about.
        keys: (n,) what keeps rows together in a hashed split; '' where nothing is split.
        at: (n,) times; 0 where none are read.
    """

    features: Mapping[str, Column]
    labels: Mapping[str, Column]
    keys: Column
    at: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)

    def part(self, places: NDArray[np.int64]) -> BehaviourRows:
        """Some of them."""
        return BehaviourRows(
            {name: values[places] for name, values in self.features.items()},
            {name: values[places] for name, values in self.labels.items()},
            self.keys[places],
            self.at[places],
        )

    def digest(self) -> str:
        """What tells two sets of rows apart; rates are learned without those of the same key."""
        found = hashlib.blake2b(digest_size=8)
        for values in (*self.features.values(), *self.labels.values(), self.keys, self.at):
            if values.dtype == object:
                found.update(repr(values.tolist()).encode())
            else:
                found.update(np.ascontiguousarray(values).tobytes())
        return f"{len(self)} rows {found.hexdigest()}"


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows to learn from, to validate and calibrate with, and to test with."""

    train: BehaviourRows
    validation: BehaviourRows
    test: BehaviourRows


def read_parts(
    recipe: BehaviourRecipe, tasks: Mapping[str, BehaviourTask], folder: Path, reading: Reading
) -> Parts:
    """Read the recipe's files and split them.

    Raises:
        RowsError: A file is missing, a bad row is not to be skipped, or too few are left.
    """

    def read(files: Sequence[str]) -> BehaviourRows:
        return read_rows(files_in(folder, files), recipe, tasks, reading)

    rest = read(recipe.train)
    test, rest = _part(recipe.test, rest, read, recipe, "test")
    validation, train = _part(recipe.validation, rest, read, recipe, "validation")
    if len(train) < 2:
        raise RowsError(f"{len(train)} rows to learn from ({len(reading.bad)} bad): two at least")
    return Parts(train, validation, test)


def read_rows(
    files: Sequence[Path],
    recipe: BehaviourRecipe,
    tasks: Mapping[str, BehaviourTask],
    reading: Reading,
    sources: list[Mapping[str, object]] | None = None,
) -> BehaviourRows:
    """Read files of rows with the labels of these tasks; of no tasks, to be asked about.

    Args:
        files: Rows.
        recipe: Which columns.
        tasks: Whose labels are wanted.
        reading: Notes bad rows.
        sources: Gets each good row as it was in its file.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
    """
    parse = {
        name: _parser(name, feature, recipe.features)
        for name, feature in recipe.features.items()
        if not isinstance(feature, CosineSettings)
    }
    time = recipe.time if tasks and recipe.split == "time" else None
    hashed = bool(tasks) and recipe.split == "hash"

    def make(fields: Fields) -> tuple[list[Any], list[Any], str, float]:
        values = [each(fields.row) for each in parse.values()]
        key = _key(fields.row, recipe.group, values) if hashed else ""
        at = 0.0 if time is None else number(fields.row, time)
        if at != at:
            raise ValueError(f"{time!r} is empty: a split by time needs it")
        labels = [task.label(fields.row) for task in tasks.values()]
        if sources is not None:
            sources.append(fields.row)
        return values, labels, key, at

    made = read_examples(files, {}, make, reading, recipe.separator)
    columns = list(zip(*(each[0] for each in made), strict=True)) or [()] * len(parse)
    labels = list(zip(*(each[1] for each in made), strict=True)) or [()] * len(tasks)
    return BehaviourRows(
        {
            name: _column(recipe.features[name], values)
            for name, values in zip(parse, columns, strict=True)
        },
        {name: _labels(values) for name, values in zip(tasks, labels, strict=True)},
        np.array([each[2] for each in made], dtype=object),
        np.array([each[3] for each in made], np.float64),
    )


def _parser(
    name: str, feature: Feature, features: Mapping[str, Feature]
) -> Callable[[Mapping[str, object]], Any]:
    """A row -> the value of one feature."""
    column = getattr(feature, "column", None) or name
    match feature:
        case CategorySettings() | RateSettings():
            return lambda row: word(row, column)
        case NumberSettings():
            return lambda row: number(row, column)
        case VectorSettings():
            return _of_one_width(column)
        case HistorySettings(candidate=candidate, length=length):
            if isinstance(features[candidate], CategorySettings):
                return lambda row: [
                    word({column: each}, column) for each in items(row, column)[-length:]
                ]
            each_one = _of_one_width(column)
            return lambda row: [each_one({column: each}) for each in items(row, column)[-length:]]
    raise TypeError(f"{type(feature).__name__} has no column")


def _of_one_width(column: str) -> Callable[[Mapping[str, object]], NDArray[np.float32]]:
    """A parser of vectors that are all as wide as the first."""
    widths: set[int] = set()

    def parse(row: Mapping[str, object]) -> NDArray[np.float32]:
        found = vector(items(row, column), column)
        if not widths:
            widths.add(len(found))
        if len(found) not in widths:
            raise ValueError(f"{column!r} has {len(found)} numbers, rows before it have {widths}")
        return found

    return parse


def _key(row: Mapping[str, object], group: str | None, values: Sequence[Any]) -> str:
    if group is not None:
        if not (found := word(row, group)):
            raise ValueError(f"{group!r} is empty: it says which rows stay together")
        return found
    return json.dumps(values, default=lambda each: each.tolist())


def _column(feature: Feature, values: Sequence[Any]) -> Column:
    match feature:
        case NumberSettings() if not isinstance(feature, RateSettings):
            return np.array(values, np.float32)
        case VectorSettings():
            return np.stack(values) if values else np.empty((0, 0), np.float32)
    found = np.empty(len(values), dtype=object)
    found[:] = list(values)
    return found


def _labels(values: Sequence[tuple[Any, ...]]) -> Column:
    """(n, k), of floats where all are."""
    words = any(isinstance(each, str) or each is None for value in values for each in value)
    found = np.empty((len(values), len(values[0]) if values else 1), object if words else float)
    for place, value in enumerate(values):
        found[place] = value
    return found


def _part(
    what: list[str] | float,
    rows: BehaviourRows,
    read: Callable[[Sequence[str]], BehaviourRows],
    recipe: BehaviourRecipe,
    salt: str,
) -> tuple[BehaviourRows, BehaviourRows]:
    """Files, or a share of the rows -> (that part, the rest)."""
    if isinstance(what, list):
        return read(what), rows
    chosen = latest(rows, what) if recipe.split == "time" else _hashed(rows, what, recipe, salt)
    return rows.part(np.flatnonzero(chosen)), rows.part(np.flatnonzero(~chosen))


def _hashed(
    rows: BehaviourRows, share: float, recipe: BehaviourRecipe, salt: str
) -> NDArray[np.bool_]:
    keys = dict.fromkeys(rows.keys.tolist())
    taken = {key: place_of(key, salt, recipe.split_seed) < share for key in keys}
    return np.array([taken[key] for key in rows.keys], np.bool_)


def latest(rows: BehaviourRows, share: float) -> NDArray[np.bool_]:
    """(n,) whether a row is among the latest share; rows of one moment are on one side."""
    if not share or not len(rows):
        return np.zeros(len(rows), np.bool_)
    first = np.sort(rows.at)[min(round((1 - share) * len(rows)), len(rows) - 1)]
    found: NDArray[np.bool_] = rows.at >= first
    return found
