"""Item-to-item neighbourhoods weighted by BM25: who else's basket was it in?"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.rings import RETURN
from scoring.sequence.sequences import Sequences

_ROWS_AT_ONCE: Final = 1_024


class NeighbourSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How neighbours are counted.

    Attributes:
        k1: Of BM25: how soon more of an item's users stop counting; small = at once.
        b: Of BM25: how much an item's popularity counts against it, 0 to 1.
        n_neighbours: Kept of each item.
        days: Only events of so many days before the last one; None = all.
    """

    k1: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 1.0
    b: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.25
    n_neighbours: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    days: Annotated[float, msgspec.Meta(gt=0)] | None = None


def neighbours(
    events: Sequences, n_items: int, settings: NeighbourSettings
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The items that the same users had.

    ``w_iu = idf_u (k1 + 1) / (k1 (1 - b + b n_i / mean n) + 1)`` (Robertson & Zaragoza, 2009, with
    items as documents and users as words: who has had everything says little of any two things),
    strength = inner product of two items' rows, divided by the largest of all.

    Args:
        events: Of U users; returns do not count.
        n_items: N.
        settings: How.

    Returns:
        (N, k) neighbours, -1 = no more, and (N, k) strengths from 0 to 1, descending.
    """
    shape = (n_items, settings.n_neighbours)
    found = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    by_item = _weighted(events, n_items, settings)
    for start, end in pairwise([*range(0, n_items, _ROWS_AT_ONCE), n_items]):
        together = (by_item[start:end] @ by_item.T).tocsr()  # (rows, N)
        for row, (begin, stop) in enumerate(pairwise(together.indptr.tolist()), start):
            items, strengths = together.indices[begin:stop], together.data[begin:stop]
            others = items != row
            items, strengths = items[others], strengths[others]
            best = np.lexsort((items, -strengths))[: settings.n_neighbours]
            found[0][row, : len(best)] = items[best]
            found[1][row, : len(best)] = strengths[best]
    np.divide(found[1], max(float(found[1].max(initial=0.0)), 1e-12), out=found[1])
    return found


def _weighted(events: Sequences, n_items: int, settings: NeighbourSettings) -> csr_array:
    """(N, U) weight of each user for each item that they had."""
    owners = np.repeat(np.arange(events.n_users), events.lengths)
    counted = events.actions != RETURN
    if settings.days is not None:
        oldest = events.at_ms.max(initial=0) - settings.days * 86_400_000
        counted &= events.at_ms >= oldest
    pairs = np.unique(owners[counted] * n_items + events.items[counted])
    users, items = np.divmod(pairs, n_items)
    had = np.bincount(users, minlength=events.n_users)
    popular = np.bincount(items, minlength=n_items)
    norm = 1 - settings.b + settings.b * popular / max(popular.mean(), 1e-12)  # (N,)
    idf = np.log(n_items) - np.log1p(had)  # (U,)
    weights = np.maximum(idf[users], 0) * (settings.k1 + 1) / (settings.k1 * norm[items] + 1)
    shape = (n_items, events.n_users)
    return csr_array((weights.astype(np.float32), (items, users)), shape=shape)
