"""Candidates that go together with what the users of a batch did; one source among several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change
from scoring.catalogue_rows import CatalogueRows
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
        self._rows = CatalogueRows(table.item_ids, catalogue)

    def follow(self, change: Change) -> None:
        """Take over what an upsert or a deletion in the live index has changed."""
        self._rows.follow(change)

    def of(self, rings: Rings, policy: Policy) -> Related:
        """What goes together with the latest interactions, each weighed as for long-term interest.

        ``sum over interactions j of  weight_j * strength(j, i)``. Returned things do not speak.
        """
        asked, rows = self._asked(rings)
        near = self._table.neighbours[rows, :NEAREST]  # (m, k), -1 = none
        items = self._rows.positions[near]  # (m, k); where there is none any item, of strength 0
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
        rows = self._rows.of(rings.positions[found])
        return found[rows >= 0], rows[rows >= 0]
