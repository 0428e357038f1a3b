"""Rows of the joined log -> what a step learns from: numbers, item codes, targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import OnlineError
from scoring.joined_log import JoinedLog
from scoring.ranker.heads import Heads

ENGAGED_MS: Final = 30_000
"""Who stays as long with an item is taken for engaged."""


@dataclass(frozen=True, slots=True)
class Examples:
    """n rows that were shown.

    Attributes:
        features: (n, F) float32, raw.
        codes: (n,) int64 item codes.
        targets: (n, T) float32: 0 or 1, of ``value`` the logarithm of 1 + value.
        ranks: (n,) int64 from 1.
    """

    features: NDArray[np.float32]
    codes: NDArray[np.int64]
    targets: NDArray[np.float32]
    ranks: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    def part(self, rows: NDArray[np.int64] | slice) -> Examples:
        """Some rows."""
        return Examples(self.features[rows], self.codes[rows], self.targets[rows], self.ranks[rows])

    @classmethod
    def empty(cls, n_features: int, n_tasks: int) -> Examples:
        """None of that shape."""
        return cls(
            np.empty((0, n_features), np.float32),
            np.empty(0, np.int64),
            np.empty((0, n_tasks), np.float32),
            np.empty(0, np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """One after the other."""
        return cls(
            np.concatenate([each.features for each in parts]),
            np.concatenate([each.codes for each in parts]),
            np.concatenate([each.targets for each in parts]),
            np.concatenate([each.ranks for each in parts]),
        )


def examples_of(log: JoinedLog, heads: Heads) -> Examples:
    """The rows that were shown, in the log's order.

    Raises:
        OnlineError: The log has other features than the heads.
    """
    if log.feature_names != heads.features:
        raise OnlineError(
            f"the log has {len(log.feature_names)} features, {heads.version} has "
            f"{len(heads.features)}; or they are others, or in another order"
        )
    rows = log.part(log.examined)
    return Examples(
        rows.features,
        heads.codes(rows.item_id.tolist()),
        targets_of(rows, heads.tasks),
        rows.rank,
    )


def targets_of(rows: JoinedLog, tasks: Sequence[str]) -> NDArray[np.float32]:
    """(n, T) what happened, for each task."""
    engaged = rows.carted | rows.purchased | (rows.dwell_ms >= ENGAGED_MS)
    known = {
        "ctr": rows.clicked,
        "engagement": engaged,
        "cvr": rows.purchased,
        "value": np.log1p(rows.value),
    }
    columns = [known[task].astype(np.float32) for task in tasks]
    return np.stack(columns, axis=1) if columns else np.empty((len(rows), 0), np.float32)
