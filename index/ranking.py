"""Shapes a FAISS answer into the contract: k columns, ties in order of position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def finish(
    scores: NDArray[np.float32], positions: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Order ties by position, and pad to k columns.

    FAISS leaves equal scores in the order of its heap, and marks a missing result with position -1
    and a score that depends on the engine.

    Args:
        scores: (B, j) float32, descending, j <= k. Overwritten.
        positions: (B, j) int64, -1 where there is no result. Overwritten.
        k: Columns wanted.

    Returns:
        (B, k) scores and (B, k) positions.
    """
    n_queries, found = scores.shape
    if found and (positions[:, -1] < 0).any():  # FAISS puts missing results last
        scores[positions < 0] = -np.inf
    if found > 1:
        tied = scores[:, 1:] == scores[:, :-1]
        out_of_order = tied & (positions[:, 1:] < positions[:, :-1])
        for row in np.flatnonzero(out_of_order.any(axis=1)) if out_of_order.any() else ():
            missing = positions[row] < 0
            order = np.lexsort((positions[row], missing, -scores[row]))
            scores[row] = scores[row, order]
            positions[row] = positions[row, order]
    if found == k:
        return scores, positions
    wide_scores = np.full((n_queries, k), -np.inf, dtype=np.float32)
    wide_positions = np.full((n_queries, k), -1, dtype=np.int64)
    wide_scores[:, :found] = scores
    wide_positions[:, :found] = positions
    return wide_scores, wide_positions
