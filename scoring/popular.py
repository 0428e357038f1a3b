"""What is popular, kept current while the items change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change

Belongs = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""(n,) positions -> whether each item is of a group; of a version's own row it never changes."""


class MostPopular:
    """The most popular items in stock, of a group or of all; equal ones in order of position.

    For one thread.
    """

    def __init__(self, catalogue: Catalogue, at_most: int, belongs: Belongs | None = None) -> None:
        """Rank what there is.

        Args:
            catalogue: Looked at again after each change.
            at_most: Length of the list.
            belongs: Who can be in it; None = every item.
        """
        self._catalogue = catalogue
        self._at_most = at_most
        self._belongs = belongs
        # Twice the list, whatever the stock, so that few changes have to look at all items.
        base = self._of_group(np.arange(catalogue.n_base))
        order = np.argsort(-catalogue.popularity[base], kind="stable")[: 2 * at_most]
        self._head, self._n_members = base[order], len(base)
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
        if change.after is not None and not self._stale:
            self._stale = self._enters(change.after.position)

    def _enters(self, position: int) -> bool:
        """Whether an item comes before the last of the list."""
        if len(self._list) == self._at_most:
            last, counts = int(self._list[-1]), self._catalogue.popularity
            if (-counts[position], position) > (-counts[last], last):
                return False
        return len(self._of_group(np.array([position]))) > 0

    def _rank(self) -> NDArray[np.int64]:
        catalogue = self._catalogue
        found = self._head[catalogue.in_stock[self._head]]
        if len(found) < self._at_most and len(self._head) < self._n_members:
            found = self._of_group(np.flatnonzero(catalogue.in_stock[: catalogue.n_base]))
        added = np.arange(catalogue.n_base, len(catalogue))
        found = np.concatenate([found, self._of_group(added[catalogue.in_stock[added]])])
        order = np.lexsort((found, -catalogue.popularity[found]))
        return found[order[: self._at_most]]

    def _of_group(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        return positions if self._belongs is None else positions[self._belongs(positions)]


class Popular:
    """The most popular items in stock, and everyone's popularity.

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
        self._list = MostPopular(catalogue, at_most)
        self._most = float(np.log1p(catalogue.popularity).max(initial=0.0))
        self.relative = self._scaled(catalogue.popularity)

    @property
    def positions(self) -> NDArray[np.int64]:
        """(n,) the list, see `MostPopular`."""
        return self._list.positions

    def follow(self, change: Change) -> None:
        """Take over one change of the catalogue."""
        self._list.follow(change)
        if change.after is not None:
            at, counts = change.after.position, self._catalogue.popularity
            if len(self.relative) < len(counts):
                self.relative = self._scaled(counts)
            self.relative[at] = self._scaled(counts[at : at + 1])[0]

    def _scaled(self, counts: NDArray[np.float32]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = (np.log1p(counts) / (self._most or 1.0)).astype(np.float32)
        return scaled
