"""Rows of a joined log as they stand there, flaws and all: one an item of a list.

`scoring.joined_log_file` refuses a flawed row, which is right for training: the other rows of its
list are as good as before. An estimate that loses a row has lost a part of the list's probability
and of its reward, so here a flawed row is read, and `keeping` leaves out its whole list.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import EvidenceError
from scoring.training.rows import Fields, Reading, read_examples
from scoring.worth import WORTH

SUM: Final = "worth"
"""The reward that `rillstream policy learn` learns from: several columns in one number."""

REWARDS: Final = ("clicked", "carted", "purchased", "dwell_ms", "value", SUM)
"""Columns of a joined log that may be what is earned, and that sum."""

_WAY_OUT: Final = "Mend the row, or take all rows of its list out"
"""No row is skipped: the others of its list would say something else without it."""


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """R rows.

    Attributes:
        lists: (R,) str, recommendation ids.
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

    lists: NDArray[np.str_]
    users: NDArray[np.str_]
    items: NDArray[np.str_]
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
        rest = (
            np.unique(getattr(self, each.name), return_inverse=True)[1] for each in fields(self)[1:]
        )
        together = np.stack([codes, *rest], axis=1)
        return np.sort(np.unique(together, axis=0, return_index=True)[1])


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
    made = read_examples(files, {}, lambda row: _made(row, reward), Reading(way_out=_WAY_OUT))
    columns: list[Any] = list(zip(*made, strict=True)) if made else [()] * len(fields(LoggedRows))
    kinds = (np.str_, np.str_, np.str_, np.int64, np.float64, np.int64, np.float64, np.int64)
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
    names = ("clicked", "carted", "purchased", "dwell_ms")
    clicks, carts, purchases, dwell_ms = (np.array(_number(given.get(name))) for name in names)
    return float(WORTH.of(clicks, carts, purchases, dwell_ms / 1_000.0))


def _whole(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
        raise ValueError(f"{name} is {value!r}, it must be a whole number")
    return value


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
