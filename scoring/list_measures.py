"""What a list is worth to its user and to the shop, a row of figures for each list."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

import numpy as np
from numpy.typing import NDArray


def discounts(size: int) -> NDArray[np.float64]:
    """(size,) what a wanted item is worth at each rank: 1 / log2(1 + rank)."""
    found: NDArray[np.float64] = 1 / np.log2(np.arange(2, size + 2))
    return found


def ndcg(hits: NDArray[np.bool_], n_wanted: int, size: int) -> float:
    """nDCG@size of a list (Järvelin & Kekäläinen 2002), every wanted item worth the same.

    Args:
        hits: (n,) whether the item at each rank is wanted.
        n_wanted: Items that are, in the list or not; at least 1.
        size: Ranks that count; the best list has wanted items at as many of them as it can.
    """
    worth = discounts(size)
    return float(worth[: len(hits)] @ hits[:size] / worth[: min(n_wanted, size)].sum())


def gains(
    lists: Sequence[Sequence[str]], wanted: Sequence[Set[str]], size: int
) -> NDArray[np.float64]:
    """nDCG@size of each list, see `ndcg`.

    Args:
        lists: n lists of item ids.
        wanted: n sets of item ids.
        size: Ranks that count.

    Returns:
        (n,) 0 to 1, nan where nothing is wanted.
    """
    found = np.full(len(lists), np.nan)
    for row, (ids, hits) in enumerate(zip(lists, wanted, strict=True)):
        if hits:
            found[row] = ndcg(np.array([each in hits for each in ids], np.bool_), len(hits), size)
    return found


def differences(
    lists: Sequence[NDArray[np.int64]],
    gather: Callable[[NDArray[np.int64]], NDArray[np.float32]],
) -> NDArray[np.float64]:
    """Mean of 1 - cosine over each list's pairs (Ziegler et al., WWW 2005); nan below two items.

    Args:
        lists: n arrays of positions.
        gather: Positions -> unit vectors.
    """
    found = np.full(len(lists), np.nan)
    for row, positions in enumerate(lists):
        n = len(positions)
        if n > 1:
            total = gather(positions).sum(axis=0, dtype=np.float64)
            found[row] = 1 - (total @ total - n) / (n * (n - 1))
    return found


def shares(lists: Sequence[NDArray[np.int64]], belongs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of each list's items that belong to a group; nan for an empty list.

    Args:
        lists: n arrays of positions.
        belongs: (N,) whether an item does.
    """
    return np.array([belongs[each].mean() if len(each) else np.nan for each in lists], np.float64)
