"""Values of a row as numbers, words and lists; a `ValueError` says what is wrong with one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoring.training.rows import LARGEST, as_text, plain

_YES_NO: Final = {"true": 1.0, "false": 0.0}


def value_of(row: Mapping[str, object], column: str) -> object:
    """A value, None where there is none."""
    if column not in row:
        raise ValueError(f"no column {column!r}; there are {', '.join(map(repr, row))}")
    value = plain(row[column], column)
    return None if value == "" else value  # so do tables of text say nothing


def number(row: Mapping[str, object], column: str) -> float:
    """A finite number, NaN where there is none."""
    value = value_of(row, column)
    if value is None:
        return float("nan")
    try:
        found = float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError):
        raise ValueError(f"{column!r} is {value!r}: a number is needed") from None
    if not abs(found) <= LARGEST:
        raise ValueError(f"{column!r} is {found}: it must be finite")
    return found


def yes_or_no(row: Mapping[str, object], column: str) -> float:
    """0 or 1, NaN where there is none; true and false are these, too."""
    value = value_of(row, column)
    found = _YES_NO.get(value.lower()) if isinstance(value, str) else None
    found = number(row, column) if found is None else found
    if found in (0.0, 1.0) or found != found:
        return found
    raise ValueError(f"{column!r} is {value!r}: 0 or 1 is needed")


def word(row: Mapping[str, object], column: str) -> str:
    """A word or an id, '' where there is none."""
    return as_text(value_of(row, column), column)


def items(row: Mapping[str, object], column: str) -> list[Any]:
    """A list; in tables of text it is written as JSON. Nothing is an empty one."""
    value = value_of(row, column)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(f"{column!r} is {value!r}: a list is needed, as [1, 2]") from None
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{column!r} is {value!r}: a list is needed")
    return value


def vector(value: object, column: str) -> NDArray[np.float32]:
    """(D,) finite numbers."""
    try:
        found = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        found = np.empty(0, np.float32)
    if found.ndim != 1 or not len(found) or not np.isfinite(found).all():
        raise ValueError(f"{column!r} is {value!r}: a list of finite numbers is needed")
    return found
