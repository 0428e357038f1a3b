"""What is popular, kept current while the items change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change


class Popular:
    """The most popular items in stock, equal ones in order of position, and everyone's popularity.

    A version's popularity is the scale for as long as it is served: an item that is new has none.
    For one thread.

    Attributes:
        relative: (N,) log(1 + count), 1 for the most popular item; longer than N where the
            catalogue's columns are.
    """

    def __init__(self, catalogue: Catalogue, at_most: int) -> None:
        """Rank what there is.

        Args:
            catalogue: Looked at again after each change.
            at_most: Length of the list.
        """
        self._catalogue = catalogue
        self._at_most = at_most
        self._n_base = len(catalogue)
        counts = catalogue.popularity
        self._most = float(np.log1p(counts).max(initial=0.0))
        self.relative = self._scaled(counts)
        # Twice the list, whatever the stock, so that few changes have to look at all items.
        self._head = np.argsort(-counts[: self._n_base], kind="stable")[: 2 * at_most]
        self._list = self._rank()
        self._listed = set(self._list.tolist())
        self._stale = False

    @property
    def positions(self) -> NDArray[np.int64]:
        """(n,) the list, n up to `at_most`."""
        if self._stale:
            self._list = self._rank()
            self._listed = set(self._list.tolist())
            self._stale = False
        return self._list

    def follow(self, change: Change) -> None:
        """Take over one change of the catalogue."""
        if change.before is not None and change.before.position in self._listed:
            self._stale = True
        if change.after is not None:
            at, counts = change.after.position, self._catalogue.popularity
            if len(self.relative) < len(counts):
                self.relative = self._scaled(counts)
            self.relative[at] = self._scaled(counts[at : at + 1])[0]
            self._stale = self._stale or self._belongs(at)

    def _belongs(self, position: int) -> bool:
        """Whether an item comes before the last of the list."""
        if len(self._list) < self._at_most:
            return True
        last, counts = int(self._list[-1]), self._catalogue.popularity
        return (-counts[position], position) < (-counts[last], last)

    def _rank(self) -> NDArray[np.int64]:
        catalogue = self._catalogue
        found = self._head[catalogue.in_stock[self._head]]
        if len(found) < self._at_most:
            found = np.flatnonzero(catalogue.in_stock[: self._n_base])
        added = np.arange(self._n_base, len(catalogue))
        found = np.concatenate([found, added[catalogue.in_stock[added]]])
        order = np.lexsort((found, -catalogue.popularity[found]))
        return found[order[: self._at_most]]

    def _scaled(self, counts: NDArray[np.float32]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = (np.log1p(counts) / (self._most or 1.0)).astype(np.float32)
        return scaled
