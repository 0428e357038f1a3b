"""How much of the truth an approximate engine finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Two float32 inner products of the same unit vectors, summed in another order, differ by less.
_SAME_SCORE = 1e-5


def recall(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    found: NDArray[np.int64],
    kth_scores: NDArray[np.float32],
) -> float:
    """Share of each query's true top k that was found, averaged.

    A result counts when it is as near as the true k-th, so that identical items may stand in for
    each other (ann-benchmarks, Aumüller et al., Information Systems 2020, section 3.6).

    Args:
        vectors: (N, d) all rows.
        queries: (B, d).
        found: (B, k) distinct positions, -1 = none.
        kth_scores: (B,) the k-th highest score of each query, by exact search.

    Returns:
        Between 0 and 1.
    """
    hits = 0
    for query, positions, kth in zip(queries, found, kth_scores, strict=True):
        scores = vectors[positions[positions >= 0]] @ query
        hits += int((scores >= kth - _SAME_SCORE).sum())
    return hits / found.size
