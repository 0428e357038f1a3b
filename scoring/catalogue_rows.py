"""Where the items of a learned table are in a catalogue, and back; follows its changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change


class CatalogueRows:
    """Rows of T known items <-> positions of a catalogue; for one thread.

    Attributes:
        positions: (T,) position of each row, -1 = the catalogue has no such item.
    """

    def __init__(self, item_ids: list[str], catalogue: Catalogue) -> None:
        """Find the items.

        Args:
            item_ids: T items.
            catalogue: Tell of its changes with `follow`.
        """
        self._catalogue = catalogue
        self._row_of_id = {item_id: row for row, item_id in enumerate(item_ids)}
        self.positions = catalogue.positions(item_ids)
        self._rows = np.full(len(catalogue), -1, np.int64)
        known = np.flatnonzero(self.positions >= 0)
        self._rows[self.positions[known]] = known

    def follow(self, change: Change) -> None:
        """Take over what an upsert or a deletion in the live index has changed."""
        if change.before is not None and change.before.position < len(self._rows):
            row = self._rows[change.before.position]
            if row >= 0:
                self._rows[change.before.position] = self.positions[row] = -1
        if change.after is not None:
            at = change.after.position
            row = self._row_of_id.get(self._catalogue.ids[at], -1)
            if at >= len(self._rows):
                grown = np.full(max(at + 1, 2 * len(self._rows)), -1, np.int64)
                grown[: len(self._rows)] = self._rows
                self._rows = grown
            self._rows[at] = row
            if row >= 0:
                self.positions[row] = at

    def of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) rows of items at these positions, -1 = not known."""
        if not len(self._rows):
            return np.full(len(positions), -1, np.int64)
        inside = positions < len(self._rows)
        return np.where(inside, self._rows[np.where(inside, positions, 0)], -1)
