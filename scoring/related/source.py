"""Candidates that go together with what the users of a batch did; one source among several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change
from scoring.interests import LONG_TERM
from scoring.policy import Policy
from scoring.related.table import RelatedItems
from scoring.rings import Rings
from scoring.rules.pairs import USER_SHIFT, firsts, pairs_of

LATEST: Final = 32
"""Interactions of a user that are asked for company: half a ring, and half the time."""

NEAREST: Final = 30
"""Neighbours of each that answer."""


@dataclass(frozen=True, slots=True)
class Related:
    """What the interactions of B users speak for.

    Attributes:
        pairs: (n,) sorted pairs of user and item, none twice, see `rules.pairs`.
        shares: (n,) float32, the item's sum of weight times strength, as a share of the largest of
            its user: above 0 to 1.
        causes: (n,) place in the rings of the interaction that speaks most for it.
    """

    pairs: NDArray[np.int64]
    shares: NDArray[np.float32]
    causes: NDArray[np.int64]


class RelatedSource:
    """A table, and where its items are in a catalogue; for one thread."""

    def __init__(self, table: RelatedItems, catalogue: Catalogue) -> None:
        """Find the items.

        Args:
            table: Of the shop; items that the catalogue does not have are never found.
            catalogue: Of the snapshot; tell of its changes with `follow`.
        """
        self._table = table
        self._catalogue = catalogue
        self._row_of_id = {item_id: row for row, item_id in enumerate(table.item_ids)}
        self._positions = catalogue.positions(table.item_ids)  # (T,) -1 = not there
        known = np.flatnonzero(self._positions >= 0)
        self._rows = np.full(len(catalogue), -1, np.int64)  # position -> row
        self._rows[self._positions[known]] = known

    def follow(self, change: Change) -> None:
        """Take over what an upsert or a deletion in the live index has changed."""
        if change.before is not None:
            row = self._row_at(change.before.position)
            if row >= 0:
                self._rows[change.before.position] = self._positions[row] = -1
        if change.after is not None:
            at = change.after.position
            row = self._row_of_id.get(self._catalogue.ids[at], -1)
            if at >= len(self._rows):
                grown = np.full(max(at + 1, 2 * len(self._rows)), -1, np.int64)
                grown[: len(self._rows)] = self._rows
                self._rows = grown
            self._rows[at] = row
            if row >= 0:
                self._positions[row] = at

    def of(self, rings: Rings, policy: Policy) -> Related:
        """What goes together with the latest interactions, each weighed as for long-term interest.

        ``sum over interactions j of  weight_j * strength(j, i)``. Returned things do not speak.
        """
        asked, rows = self._asked(rings)
        near = self._table.neighbours[rows, :NEAREST]  # (m, k), -1 = none
        items = self._positions[near]  # (m, k); where there is none any item, of strength 0
        strengths = self._table.strengths[rows, :NEAREST]
        strengths *= np.maximum(rings.weights[LONG_TERM, asked], 0.0)[:, None]
        there = (items >= 0) & (strengths > 0)
        pairs = pairs_of(rings.owners[asked, None], items)[there]
        gains = strengths[there]
        behind = np.broadcast_to(asked[:, None], items.shape)[there]
        order = np.lexsort((-gains, pairs))  # the strongest voice of each pair first
        pairs, gains, behind = pairs[order], gains[order], behind[order]
        begins = np.flatnonzero(firsts(pairs))
        sums = np.add.reduceat(gains, begins) if len(begins) else gains
        pairs, behind = pairs[begins], behind[begins]
        owners = pairs >> USER_SHIFT
        best = np.lexsort((-sums, owners))  # each user's best first
        bounds = np.searchsorted(owners, np.arange(len(rings.starts)))
        most = policy.quotas.get("related", policy.candidates)
        kept = np.sort(best[np.arange(len(best)) - bounds[owners] < most])
        top = sums[best[np.minimum(bounds[owners[kept]], max(len(best) - 1, 0))]]
        return Related(pairs[kept], sums[kept] / top, behind[kept])

    def _asked(self, rings: Rings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places in the rings of the latest interactions with known items, and their rows."""
        places = np.arange(len(rings.owners))
        latest = places - rings.starts[rings.owners] < LATEST  # newest first
        found = places[latest]
        rows = self._rows_at(rings.positions[found])
        return found[rows >= 0], rows[rows >= 0]

    def _row_at(self, position: int) -> int:
        return int(self._rows[position]) if position < len(self._rows) else -1

    def _rows_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        inside = positions < len(self._rows)
        rows = self._rows[np.where(inside, positions, 0)] if len(self._rows) else positions * 0
        return np.where(inside, rows, -1)
