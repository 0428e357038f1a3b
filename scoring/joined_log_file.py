"""Files of the joined log: JSON Lines or Parquet, one row an item of a list, strict about each.

Columns are those of `JoinedLog`; each feature has one of its own, `x_<name>`, so that a recipe of
`rillstream train` can name it. Versions and `reward_at_ms` may be missing or null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from scoring.errors import RowsError
from scoring.joined_log import JoinedLog, joined_log, row_fields
from scoring.training.rows import LARGEST, Fields, Reading, read_examples

FEATURE: Final = "x_"
_FLAGS: Final = ("examined", "clicked", "carted", "purchased")
_CHUNK: Final = 65_536
"""Rows of a Parquet file that are written at a time."""
_AT_ONCE: Final = 8_192
"""Rows of a JSON file that are objects of Python at a time: 3 KB each, with 69 features."""

_Id = Annotated[str, Meta(min_length=1, max_length=128)]
_MOST: Final = 2**53
_Ms = Annotated[int, Meta(ge=0, le=_MOST)]
_Flag = Annotated[int, Meta(ge=0, le=1)]


class _Row(msgspec.Struct):
    """A row's own columns, in the order of `row_fields()`."""

    recommendation_id: _Id
    user_id: _Id
    item_id: _Id
    rank: Annotated[int, Meta(ge=1, le=_MOST)]
    propensity: Annotated[float, Meta(gt=0, le=1)]
    at_ms: _Ms
    examined: _Flag
    clicked: _Flag
    carted: _Flag
    purchased: _Flag
    dwell_ms: _Ms = 0
    value: Annotated[float, Meta(ge=0, le=LARGEST)] = 0.0
    reward_at_ms: Annotated[int, Meta(ge=-1, le=_MOST)] | None = None
    heads_version: str | None = None
    policy_version: str | None = None
    index_version: str | None = None
    simulated: bool = False


def read_joined_log(
    files: Iterable[Path], *, skip_bad: bool = False, reading: Reading | None = None
) -> JoinedLog:
    """Read files of one log; a row that cannot be evidence is refused, or left out and counted.

    Refused are: a value out of its range (a propensity outside (0, 1] above all), an item that its
    list has already, or a rank, an answer before the decision or to what was not shown, and
    features other than those of the first row.

    Args:
        files: .jsonl or .parquet.
        skip_bad: Go on after a bad row.
        reading: Where bad rows are noted; `skip_bad` is then its own.

    Raises:
        RowsError: A bad row, with its file and line, where they are not skipped; no such file.
    """
    noted = reading or Reading(skip_bad)
    rows = _Rows()
    made = read_examples(files, {}, rows.make, noted)
    names = tuple(name.removeprefix(FEATURE) for name in rows.columns or ())
    features = np.array([each[1] for each in made], np.float32).reshape(len(made), len(names))
    return joined_log([each[0] for each in made], features, names)


class _Rows:
    """Checks each row alone and beside those before it."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] | None = None
        self._items: set[tuple[str, str]] = set()
        self._ranks: set[tuple[str, int]] = set()

    def make(self, fields: Fields) -> tuple[tuple[Any, ...], list[float]]:
        """A row's columns and features.

        Raises:
            ValueError: It cannot be evidence.
        """
        row = _typed(fields.row)
        features = self._features(fields)
        list_id, item, rank = row.recommendation_id, row.item_id, row.rank
        if row.reward_at_ms is not None and 0 <= row.reward_at_ms < row.at_ms:
            raise ValueError(
                f"reward_at_ms {row.reward_at_ms} is before the decision at {row.at_ms}"
            )
        if not row.examined and (row.clicked or row.carted or row.purchased):
            raise ValueError(f"{item!r} was answered and never shown (examined is 0)")
        if (list_id, item) in self._items:
            raise ValueError(f"recommendation_id {list_id!r} has the item {item!r} already")
        if (list_id, rank) in self._ranks:
            raise ValueError(f"recommendation_id {list_id!r} has rank {rank} already")
        self._items.add((list_id, item))
        self._ranks.add((list_id, rank))
        row.reward_at_ms = -1 if row.reward_at_ms is None else row.reward_at_ms
        for name in ("heads_version", "policy_version", "index_version"):
            setattr(row, name, getattr(row, name) or "")
        return msgspec.structs.astuple(row), features

    def _features(self, fields: Fields) -> list[float]:
        found = tuple(name for name in fields.row if name.startswith(FEATURE))
        if self.columns is None:
            self.columns = found
        if set(found) != set(self.columns):
            other = sorted(set(found) ^ set(self.columns))
            raise ValueError(f"other features than in the first row: {', '.join(other)}")
        return [fields.number(name) for name in self.columns]


def _typed(row: Mapping[str, object]) -> _Row:
    own = {
        name: int(value) if isinstance(value, bool) and name in _FLAGS else value
        for name, value in row.items()
        if not name.startswith(FEATURE)
    }
    try:
        return msgspec.convert(own, _Row)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def write_joined_log(log: JoinedLog, file: Path) -> None:
    """Write a log; the same rows come back.

    Raises:
        RowsError: The file is neither .jsonl nor .parquet.
    """
    match file.suffix:
        case ".jsonl":
            with file.open("w", encoding="utf-8") as lines:
                for row in _rows_of(log):
                    lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        case ".parquet":
            _write_parquet(log, file)
        case _:
            raise RowsError(f"{file}: a joined log is written as .jsonl or .parquet")


def _columns_of(log: JoinedLog) -> dict[str, Any]:
    columns = {name: getattr(log, name) for name in row_fields()}
    columns |= {name: columns[name].astype(np.int64) for name in _FLAGS}
    rewards = log.reward_at_ms.astype(object)
    rewards[log.reward_at_ms < 0] = None
    columns["reward_at_ms"] = rewards
    names = (FEATURE + name for name in log.feature_names)
    return columns | dict(zip(names, log.features.T, strict=True))


def _rows_of(log: JoinedLog) -> Iterator[dict[str, Any]]:
    for start in range(0, len(log), _AT_ONCE):
        part = log.part(np.arange(start, min(start + _AT_ONCE, len(log))))
        columns = {name: values.tolist() for name, values in _columns_of(part).items()}
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))


def _write_parquet(log: JoinedLog, file: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"rank": pa.int64(), "reward_at_ms": pa.int64()}
    texts = ("recommendation_id", "user_id", "item_id")
    kinds |= dict.fromkeys(
        (*texts, "heads_version", "policy_version", "index_version"), pa.string()
    )
    table = pa.table(
        {name: pa.array(values, kinds.get(name)) for name, values in _columns_of(log).items()}
    )
    parquet.write_table(table, file, row_group_size=_CHUNK)
