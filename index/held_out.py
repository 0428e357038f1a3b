"""Recall of an engine on rows that it has not seen, or may not find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.engine import Engine, Progress
from index.exact import ExactEngine
from index.recall import recall

_MOST = 1_000


def n_held_out(n: int) -> int:
    """Of how many recall is measured with: a tenth, at most 1,000."""
    return min(_MOST, n // 10)


def measured(
    engine: Engine, rows: NDArray[np.float32], report: Progress
) -> tuple[float | None, float | None]:
    """Recall at 10 and at 100 of rows drawn by chance, looked up among the others.

    Args:
        engine: Built from all rows.
        rows: (N, d) float32 unit rows, in order of position. The same are drawn from the same.
        report: Told of the progress.

    Returns:
        Both, None where there are too few rows to tell.
    """
    chosen = np.random.default_rng(len(rows)).permutation(len(rows))[: n_held_out(len(rows))]
    others = np.ones(len(rows), dtype=np.bool_)
    others[chosen] = False
    queries = rows[np.sort(chosen)]
    report("measuring recall", 0, 2)
    at_10 = recall_at(10, engine, rows, queries, others)
    report("measuring recall", 1, 2)
    at_100 = recall_at(100, engine, rows, queries, others)
    report("measuring recall", 2, 2)
    return at_10, at_100


def recall_at(
    k: int,
    engine: Engine,
    rows: NDArray[np.float32],
    queries: NDArray[np.float32],
    allowed: NDArray[np.bool_] | None = None,
) -> float | None:
    """Recall against exact search of the same rows, None without queries."""
    if len(queries) == 0:
        return None
    depth = min(k, len(rows) if allowed is None else int(np.count_nonzero(allowed)))
    kth_scores = ExactEngine(rows).search(queries, depth, allowed=allowed)[0][:, -1]
    found = engine.search(queries, depth, allowed=allowed)[1]
    return recall(rows, queries, found, kth_scores)
