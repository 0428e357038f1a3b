"""Which items a worker's lists show, counted as they are made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.exposure import gini, is_tail


class ShownItems:
    """Counts of the lists since an index version was taken over; another version, another count.

    Written by the lane's thread. `gini` may be asked by another one, which then sees a batch in
    part: nothing that a gauge would show.
    """

    def __init__(self) -> None:
        self._version: str | None = None
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._tail: NDArray[np.bool_] = np.empty(0, np.bool_)

    def take(
        self, version: str, catalogue: Catalogue, lists: Sequence[Sequence[str]]
    ) -> tuple[int, int]:
        """Count a batch.

        Args:
            version: Of the index.
            catalogue: Its items; those that came since are of the tail.
            lists: Item ids.

        Returns:
            Places in the most popular fifth, and outside it.
        """
        if version != self._version:
            self._version = version
            self._tail = is_tail(catalogue.popularity[: len(catalogue)])
            self._counts = np.zeros(len(self._tail), np.int64)
        positions = catalogue.positions([item_id for each in lists for item_id in each])
        known = positions[(positions >= 0) & (positions < len(self._tail))]
        self._counts += np.bincount(known, minlength=len(self._counts))
        n_head = int((~self._tail[known]).sum())
        return n_head, len(positions) - n_head

    def gini(self) -> float:
        """How unevenly the version's items are shown; nan before the first list."""
        return gini(self._counts)
