"""Rows of a joined log as they stand there, flaws and all: one an item of a list.

`scoring.joined_log_file` refuses a flawed row, which is right for training: the other rows of its
list are as good as before. An estimate that loses a row has lost a part of the list's probability
and of its reward, so here a flawed row is read, and `keeping` leaves out its whole list.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import EvidenceError
from scoring.training.rows import Fields, Reading, each_example
from scoring.worth import WORTH

SUM: Final = "worth"
"""The reward that `rillstream policy learn` learns from: several columns in one number."""

REWARDS: Final = ("clicked", "carted", "purchased", "dwell_ms", "value", SUM)
"""Columns of a joined log that may be what is earned, and that sum."""

_COLUMNS: Final = (
    "recommendation_id",
    "user_id",
    "item_id",
    "rank",
    "propensity",
    "at_ms",
    "reward_at_ms",
    "examined",
    "simulated",
)
_WORTH: Final = ("clicked", "carted", "purchased", "dwell_ms")
_WAY_OUT: Final = "Mend the row, or take all rows of its list out"
"""No row is skipped: the others of its list would say something else without it."""


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """R rows.

    Attributes:
        lists: (R,) str, recommendation ids; equal ones are one object, and so below.
        users: (R,) str.
        items: (R,) str.
        ranks: (R,) int64, from 1 where right.
        propensities: (R,) in (0, 1] where right; NaN where it is no number.
        at_ms: (R,) int64, event time of the decision.
        earned: (R,) the reward, at least 0 where right; NaN where it is no number.
        reward_at_ms: (R,) int64, event time of the first answer; -1 = none.
        examined: (R,) bool, whether the item was shown.
        simulated: (R,) bool.
    """

    lists: NDArray[np.object_]
    users: NDArray[np.object_]
    items: NDArray[np.object_]
    ranks: NDArray[np.int64]
    propensities: NDArray[np.float64]
    at_ms: NDArray[np.int64]
    earned: NDArray[np.float64]
    reward_at_ms: NDArray[np.int64]
    examined: NDArray[np.bool_]
    simulated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ranks)

    def part(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> LoggedRows:
        """Some rows, in this order."""
        return LoggedRows(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def first_ones(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the rows that repeat no earlier one in every column.

        Args:
            codes: (R,) of the lists.
        """
        places = np.unique(np.stack([codes, self.ranks], axis=1), axis=0, return_inverse=True)[1]
        alone = np.bincount(places)[places] == 1
        rest = np.flatnonzero(~alone)
        others = (_coded(getattr(self, each.name)[rest]) for each in fields(self)[1:])
        together = np.stack([codes[rest], *others], axis=1)
        firsts = np.unique(together, axis=0, return_index=True)[1]
        return np.sort(np.concatenate([np.flatnonzero(alone), rest[firsts]]))


def coded_texts(texts: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """(R,) texts -> the distinct ones in their order, and (R,) the place of each among them."""
    names = sorted(set(texts.tolist()))
    place = {name: at for at, name in enumerate(names)}
    codes = np.fromiter(map(place.__getitem__, texts.tolist()), np.int64, len(texts))
    return np.array(names, object), codes


def _coded(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype == object:
        return coded_texts(values)[1]
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def checked_reward(reward: str) -> str:
    """The name itself.

    Raises:
        EvidenceError: No such reward.
    """
    if reward not in REWARDS:
        raise EvidenceError(f"no reward {reward!r}; known are {', '.join(REWARDS)}")
    return reward


def read_rows(files: Iterable[Path], reward: str) -> LoggedRows:
    """Read files of a joined log.

    Args:
        files: .jsonl or .parquet.
        reward: One of `REWARDS`.

    Raises:
        RowsError: No such file, or a row that cannot be told to belong to any list, with file and
            line.
        EvidenceError: No such reward.
    """
    checked_reward(reward)
    known: dict[str, str] = {}
    columns: list[list[Any] | array[Any]] = [[], [], [], *(array(kind) for kind in "qdqdqbb")]
    asked = {*_COLUMNS, *(_WORTH if reward == SUM else (reward,))}
    reading = Reading(way_out=_WAY_OUT)
    for made in each_example(files, {}, lambda row: _made(row, reward), reading, only=asked):
        for column, value in zip(columns, made, strict=True):
            column.append(known.setdefault(value, value) if isinstance(value, str) else value)
    kinds = (object, object, object, np.int64, np.float64, np.int64, np.float64, np.int64)
    flags = (np.bool_, np.bool_)
    return LoggedRows(*(np.array(c, k) for c, k in zip(columns, kinds + flags, strict=True)))


def _made(row: Fields, reward: str) -> tuple[Any, ...]:
    """The values of a row.

    Raises:
        ValueError: It has no ids, rank or moment.
    """
    given = row.row
    answered = given.get("reward_at_ms")
    return (
        row.text("recommendation_id"),
        row.text("user_id"),
        row.text("item_id"),
        _whole(given, "rank"),
        _number(given.get("propensity")),
        _whole(given, "at_ms"),
        _worth(given) if reward == SUM else _number(given.get(reward)),
        -1 if answered is None else _whole(given, "reward_at_ms"),
        bool(given.get("examined", True)),
        bool(given.get("simulated", False)),
    )


def _worth(given: Mapping[str, Any]) -> float:
    """Clicks, carts, purchases and minutes, see `scoring.worth`."""
    clicks, carts, purchases, dwell_ms = (np.array(_number(given.get(name))) for name in _WORTH)
    return float(WORTH.of(clicks, carts, purchases, dwell_ms / 1_000.0))


def _whole(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
        raise ValueError(f"{name} is {value!r}, it must be a whole number")
    return value


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
