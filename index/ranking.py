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
        positions: (B, j) int64, -1 where there is no result, those last. Overwritten.
        k: Columns wanted.

    Returns:
        (B, k) scores and (B, k) positions.
    """
    n_queries, found = scores.shape
    if found and (positions[:, -1] < 0).any():
        scores[positions < 0] = -np.inf
    _order_ties(scores, positions)
    if found == k:
        return scores, positions
    wide_scores = np.full((n_queries, k), -np.inf, dtype=np.float32)
    wide_positions = np.full((n_queries, k), -1, dtype=np.int64)
    wide_scores[:, :found] = scores
    wide_positions[:, :found] = positions
    return wide_scores, wide_positions


def _order_ties(scores: NDArray[np.float32], positions: NDArray[np.int64]) -> None:
    """Sort positions, in place, within each run of equal scores."""
    tied = scores[:, 1:] == scores[:, :-1]
    if not (tied & (positions[:, 1:] < positions[:, :-1])).any():
        return
    # Few cells belong to a run: those are sorted, all runs at once.
    as_left = np.zeros(scores.shape, np.bool_)
    as_left[:, 1:] = tied
    in_run = as_left.copy()
    in_run[:, :-1] |= tied
    cells = np.nonzero(in_run)
    runs = (~as_left[cells]).cumsum()
    found = positions[cells]
    positions[cells] = found[np.lexsort((found, runs))]
