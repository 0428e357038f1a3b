"""Who is shown: how evenly lists spread over a shop's items, and how much the unpopular get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

HEAD_SHARE: Final = 0.2


def is_tail(popularity: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,) counts -> True for items outside the most popular fifth of the shop.

    Equal counts are in order of position. In most shops that fifth has some 80 % of the sales.
    """
    n = len(popularity)
    head = np.argsort(-popularity, kind="stable")[: int(np.ceil(n * HEAD_SHARE))]
    found = np.ones(n, np.bool_)
    found[head] = False
    return found


def gini(counts: ArrayLike) -> float:
    """0 where all have the same, near 1 where one has all (Gini 1912); nan without any.

    With x sorted: (2 sum i x_i) / (n sum x) - (n + 1) / n, i from 1.

    Args:
        counts: (n,) at least 0, of everyone who could have had some: those with 0 count.
    """
    ordered = np.sort(np.asarray(counts, np.float64))
    n, total = len(ordered), ordered.sum()
    if not total:
        return float("nan")
    ranks = np.arange(1, n + 1)
    return float(2 * (ranks @ ordered) / (n * total) - (n + 1) / n)


def counts_of(lists: Sequence[NDArray[np.int64]], n_items: int) -> NDArray[np.int64]:
    """How often each of N items is in a list; positions of -1 count nowhere."""
    shown = np.concatenate([*lists, np.empty(0, np.int64)])
    return np.bincount(shown[shown >= 0], minlength=n_items)
