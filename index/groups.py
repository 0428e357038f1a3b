"""Rows that are all but equal share one node of a graph.

Among thousands of copies of one vector, links lead from copy to copy and other items can no longer
be reached: 2,000 equal titles hid a fifth of the 2,000 other items (tests/index/test_hnsw.py). So a
graph links distinct rows only, and what it finds is spread out to all rows behind it.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from index.ranking import finish

# Rows in the same cell of this grid are one. Unit vectors of 384 values in one cell have a cosine
# above 0.9998, less apart than what 8-bit storage rounds away; the same text encoded in another
# batch differs by 1e-6.
_CELL = 1e-3
_ROWS_A_STEP = 4_096
# What 64 queries have found is spread within the cache; of 1,024 at once, each takes twice as long.
_QUERIES_AT_ONCE = 64


def label_groups(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number the groups of rows that share a cell, in order of their first row.

    Args:
        rows: (N, d).

    Returns:
        (N,) int64, the group of each row, 0 to the number of groups - 1.
    """
    # 64 bits of each cell: among a billion rows, two cells share them with a chance of 3 %.
    words = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _ROWS_A_STEP):
        cells = np.rint(rows[start : start + _ROWS_A_STEP] / _CELL).astype(np.int16)
        digests = b"".join(hashlib.blake2b(cell.data, digest_size=8).digest() for cell in cells)
        words[start : start + len(cells)] = np.frombuffer(digests, "<u8")
    order = np.argsort(words, kind="stable").astype(np.int32 if len(rows) < 1 << 31 else np.int64)
    words = words[order]
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = words[1:] != words[:-1]
    del words
    heads = order[is_first]
    place = np.empty_like(heads)
    place[np.argsort(heads)] = np.arange(len(heads))
    labels = np.empty(len(rows), dtype=np.int64)
    labels[order] = place[np.cumsum(is_first) - 1]
    return labels


class Groups:
    """Which rows each node of a graph stands for: node g for rows offsets[g] to offsets[g + 1] - 1.

    Attributes:
        offsets: (G + 1,) int64, from 0, strictly increasing.
        n_nodes: G.
        n_rows: Rows behind all nodes.
    """

    def __init__(self, offsets: NDArray[np.int64]) -> None:
        """Use these offsets.

        Raises:
            ValueError: They do not start at 0, or do not increase.
        """
        if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0:
            raise ValueError("groups.npy does not start at row 0")
        if (offsets[1:] <= offsets[:-1]).any():  # compared: differences begin again behind 2^63
            raise ValueError("groups.npy has a group without rows")
        sizes = np.diff(offsets)
        self.offsets = offsets
        self.n_nodes = len(sizes)
        self.n_rows = int(offsets[-1])
        # Most nodes stand for one row; of the few others, the rows behind each other.
        self._several = np.flatnonzero(sizes > 1)
        n_behind = sizes[self._several]
        self._starts_of_several = n_behind.cumsum() - n_behind
        first = np.repeat(offsets[self._several] - self._starts_of_several, n_behind)
        self._behind_several = first + np.arange(len(first))
        self._sizes = np.append(sizes, 0)  # found nowhere: node -1 has no rows

    def first(self, n_nodes: int) -> Groups:
        """The first nodes only."""
        return Groups(self.offsets[: n_nodes + 1])

    def nodes_of(self, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which nodes have at least one row that is allowed.

        Args:
            allowed: (n_rows,) bool.

        Returns:
            (n_nodes,) bool.
        """
        if self.n_nodes == self.n_rows:
            return allowed
        nodes: NDArray[np.bool_] = allowed.take(self.offsets[:-1])
        nodes[self._several] = np.logical_or.reduceat(
            allowed.take(self._behind_several), self._starts_of_several
        )
        return nodes

    def spread(
        self,
        scores: NDArray[np.float32],
        nodes: NDArray[np.int64],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """From what a graph found to rows.

        Args:
            scores: (B, j) float32, descending. Overwritten.
            nodes: (B, j) int64, -1 where nothing was found. Overwritten.
            k: Rows wanted of each query, j <= k.
            allowed: (n_rows,) bool, rows that may come back; None = all. Each node found has one.

        Returns:
            (B, k) scores and (B, k) rows, as ``Engine.search`` gives them.
        """
        if len(nodes) <= _QUERIES_AT_ONCE:
            return self._spread(scores, nodes, k, allowed)
        wide_scores, wide_rows = scores, nodes
        if nodes.shape[1] < k:
            wide_scores = np.empty((len(nodes), k), np.float32)
            wide_rows = np.empty((len(nodes), k), np.int64)
        for start in range(0, len(nodes), _QUERIES_AT_ONCE):
            part = slice(start, start + _QUERIES_AT_ONCE)
            wide_scores[part], wide_rows[part] = self._spread(scores[part], nodes[part], k, allowed)
        return wide_scores, wide_rows

    def _spread(
        self,
        scores: NDArray[np.float32],
        nodes: NDArray[np.int64],
        k: int,
        allowed: NDArray[np.bool_] | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        sizes = self._sizes[nodes]  # (B, j)
        if (sizes == 1).all():
            return finish(scores, self.offsets[nodes], k)
        if (
            len(nodes) == 1 and allowed is None
        ):  # as below, in a third of the steps: here each of them counts
            ends = sizes[0].cumsum()
            rows = np.repeat(self.offsets[nodes[0]] - ends + sizes[0], sizes[0])[:k]
            rows += np.arange(len(rows))
            return finish(np.repeat(scores[0], sizes[0])[None, :k], rows[None], k)
        # Each node's rows behind each other, those of all queries in one line.
        flat = sizes.ravel()
        ends = flat.cumsum()
        total = int(ends[-1])
        rows = np.repeat(self.offsets[nodes.ravel()] - ends + flat, flat) + np.arange(total)
        row_scores = np.repeat(scores.ravel(), flat)
        # Query i has n_found[i] rows of the line, from first[i] on; its answer are the first k.
        n_found = sizes.sum(axis=1)
        if allowed is not None:
            kept = allowed[rows]
            rows, row_scores = rows[kept], row_scores[kept]
            query = np.repeat(np.arange(len(nodes)), n_found)
            n_found = np.bincount(query[kept], minlength=len(nodes))
        first = n_found.cumsum() - n_found
        width = min(k, int(n_found.max()))
        columns = np.arange(width)
        at = first[:, None] + columns
        short = columns >= n_found[:, None]
        if short.any():
            at[short] = 0
        wide_scores, wide_rows = row_scores[at], rows[at]
        wide_rows[short] = -1
        return finish(wide_scores, wide_rows, k)
