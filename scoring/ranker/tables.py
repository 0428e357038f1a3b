"""Tables of items with common neighbours: what one purchase says of others, in several ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.ranker.closed_form import TABLES


@dataclass(frozen=True, slots=True, eq=False)
class ItemTables:
    """Sparse (T, T) weights in rows, by item id: they fit every index version of a shop.

    All tables have the same neighbours: those that are among the nearest by any of them. So a sum
    over what a user bought meets the same items in all.

    Attributes:
        item_ids: T items.
        starts: (T + 1,) int64, row i has the places starts[i] to starts[i + 1].
        neighbours: (nnz,) int32 rows, ascending within a row.
        weights: (4, nnz) float32, by `closed_form.TABLES`; not 0 of necessity, may be negative.
    """

    item_ids: list[str]
    starts: NDArray[np.int64]
    neighbours: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def of(
        cls, item_ids: list[str], dense: Mapping[str, NDArray[np.float32]], nearest: int
    ) -> ItemTables:
        """The `nearest` of each row by each table, and what the others say of them.

        Args:
            item_ids: T items.
            dense: (T, T) for each of `closed_form.TABLES`.
            nearest: By one table; a row has at most four times as many.
        """
        count = len(item_ids)
        nearest = min(nearest, count)
        kept = np.zeros((count, count), np.bool_)
        for weights in dense.values():
            best = np.argpartition(-weights, nearest - 1, axis=1)[:, :nearest]  # (T, nearest)
            there = np.take_along_axis(weights, best, 1) > 0
            rows = np.repeat(np.arange(count), nearest)[there.ravel()]
            kept[rows, best[there]] = True
        rows, neighbours = np.nonzero(kept)
        return cls(
            item_ids,
            np.searchsorted(rows, np.arange(count + 1)),
            neighbours.astype(np.int32),
            np.stack([dense[name][rows, neighbours] for name in TABLES]).astype(np.float32),
        )
