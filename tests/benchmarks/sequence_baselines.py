"""What a sequence model must beat: popularity, and items that go together with the latest ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from scoring.sequence.full_ranking import Scorer
from scoring.sequence.sequences import Sequences


def popularity(train: Sequences, n_items: int) -> Scorer:
    """Every user gets what most have had."""
    counts = torch.from_numpy(np.bincount(train.items, minlength=n_items).astype(np.float32))

    def score(pasts: Sequences) -> Tensor:
        return counts.repeat(pasts.n_users, 1)

    return score


@dataclass(frozen=True, slots=True)
class ItemNeighbours:
    """Settings of `item_knn`, tuned on the validation.

    Attributes:
        k1: Of BM25: how soon more events of an item's users stop counting.
        b: Of BM25: how much an item's popularity counts against it.
        n_neighbours: Kept of each item.
        decay: Weight of an event to that of the next one.
    """

    k1: float
    b: float
    n_neighbours: int
    decay: float


def item_knn(train: Sequences, n_items: int, chosen: ItemNeighbours) -> Scorer:
    """Items that the same users had, weighted by BM25; the latest events of a user weigh most.

    ``w_iu = idf_u (k1 + 1) / (k1 (1 - b + b n_i / mean n) + 1)`` (Robertson & Zaragoza, 2009, with
    items as documents and users as words), similarity = inner product of two items' rows, score =
    ``Σ_j decay^(events after j) s_ij`` over the user's past.
    """
    neighbours = _neighbours(train, n_items, chosen)  # (N, N), sparse

    def score(pasts: Sequences) -> Tensor:
        owners = np.repeat(np.arange(pasts.n_users), pasts.lengths)
        after = np.repeat(pasts.starts[1:], pasts.lengths) - 1 - np.arange(len(pasts.items))
        decayed = chosen.decay ** after.astype(np.float32)
        weights = csr_array((decayed, (owners, pasts.items)), shape=(pasts.n_users, n_items))
        return torch.from_numpy((weights @ neighbours).toarray())  # (b, N)

    return score


def _neighbours(train: Sequences, n_items: int, chosen: ItemNeighbours) -> csr_array:
    users = np.repeat(np.arange(train.n_users), train.lengths)
    idf = np.log(n_items) - np.log1p(train.lengths)  # (U,)
    popular = np.bincount(train.items, minlength=n_items)  # (N,)
    norm = 1 - chosen.b + chosen.b * popular / popular.mean()  # (N,)
    weights = idf[users] * (chosen.k1 + 1) / (chosen.k1 * norm[train.items] + 1)
    shape = (n_items, train.n_users)
    by_item = csr_array((weights.astype(np.float32), (train.items, users)), shape=shape)
    similar = (by_item @ by_item.T).tocoo()  # (N, N)
    rows, columns, values = similar.row, similar.col, similar.data
    order = np.lexsort((-values, rows))
    starts = np.searchsorted(rows[order], np.arange(n_items))
    kept = order[np.arange(len(order)) - starts[rows[order]] < chosen.n_neighbours]
    kept = kept[rows[kept] != columns[kept]]
    return csr_array((values[kept], (rows[kept], columns[kept])), shape=(n_items, n_items))
