"""Vectors and items for tests: unit rows, and a catalogue with every kind of gap in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index import Item


def unit_rows(n: int, dim: int = 16, seed: int = 0) -> NDArray[np.float32]:
    """(n, dim) float32 rows in random directions, each of length 1."""
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


def shop(n: int) -> list[Item]:
    """N items; every third has no category, every second no price, every fifth is sold out."""
    return [
        Item(
            item_id=f"item-{i}",
            title=f"Teapot {i}",
            description=None if i % 2 else "For four cups",
            category=(None, "kitchen", "garden")[i % 3],
            brand="Potter" if i % 4 else None,
            price=None if i % 2 else i + 0.5,
            tags=("blue",) if i % 3 else (),
            in_stock=i % 5 != 0,
        )
        for i in range(n)
    ]


def exhaustive(
    rows: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The contract, in numpy: (B, k) scores and positions, ties by position, padded."""
    found = min(k, len(rows))
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    positions = np.full((len(queries), k), -1, dtype=np.int64)
    for i, products in enumerate(queries @ rows.T):
        order = np.lexsort((np.arange(len(rows)), -products))[:found]
        scores[i, :found] = products[order]
        positions[i, :found] = order
    return scores, positions
