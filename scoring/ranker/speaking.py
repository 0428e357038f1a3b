"""What a user's items speak for, by tables of items: sums over rows, for all users of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.rules.pairs import pairs_of

_ROOM: Final = 1 << 22
"""Numbers that are laid out at once, one for each user and item: 16 MB."""


@dataclass(frozen=True, slots=True)
class Entries:
    """E entries of B users, user by user: rows of a table, whatever their weights.

    Attributes:
        starts: (B + 1,) user b has the entries starts[b] to starts[b + 1].
        rows: (E,) rows of the table.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]

    def times(self, weights: NDArray[np.floating], table: csr_array) -> csr_array:
        """``sum over a user's entries e of  weights_e * table[row_e, c]``: (B, C)."""
        shape = (len(self.starts) - 1, table.shape[0])
        asking = csr_array((weights.astype(np.float32), self.rows, self.starts), shape=shape)
        return csr_array(asking @ table)


def best(sums: csr_array, columns: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Pairs of each user and the items with their largest sums above 0.

    Args:
        sums: (B, C).
        columns: (C,) item positions, -1 = not in the catalogue.
        most: Of a user.
    """
    kept = []
    for start, end in pairwise(sums.indptr.tolist()):
        values = sums.data[start:end]
        if end - start > most > 0:
            top = np.argpartition(-values, most - 1)[:most]
        else:
            top = np.arange(min(end - start, most))
        kept.append(start + top[values[top] > 0])
    if not kept:
        return np.empty(0, np.int64)
    users = np.repeat(np.arange(len(kept)), [len(each) for each in kept])
    positions = columns[sums.indices[np.concatenate(kept)]]
    known = positions >= 0
    return pairs_of(users[known], positions[known])


class Layout:
    """Reads sparse sums at the pairs of a pool; keeps its room, so for one thread."""

    def __init__(self) -> None:
        self._room = np.zeros(0, np.float32)

    def at(
        self,
        sums: csr_array,
        columns: NDArray[np.int64],
        n_items: int,
        positions: NDArray[np.int64],
        starts: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """(M,) the sum of each pair of a pool, 0 where nothing speaks for it.

        Each sum is laid down where its pair is, read from there, and taken away again: no sorting,
        and no room for all users at once where there are many items.

        Args:
            sums: (B, C).
            columns: (C,) item positions, -1 = not in the catalogue.
            n_items: N, more than every position.
            positions: (M,) of the pool, user by user.
            starts: (B + 1,) user b has the pairs starts[b] to starts[b + 1].
        """
        width = n_items + 1  # the last is for what is not in the catalogue
        n_users = sums.shape[0]
        step = max(_ROOM // width, 1)
        if len(self._room) < min(step, n_users) * width:
            self._room = np.zeros(min(step, n_users) * width, np.float32)
        found = np.empty(len(positions), np.float32)
        owners = np.repeat(np.arange(n_users), np.diff(sums.indptr))
        asking = np.repeat(np.arange(n_users), np.diff(starts))
        for first in range(0, n_users, step):
            last = min(first + step, n_users)
            begin, end = int(sums.indptr[first]), int(sums.indptr[last])
            places = (owners[begin:end] - first) * width + columns[sums.indices[begin:end]] % width
            self._room[places] = sums.data[begin:end]
            chosen = slice(int(starts[first]), int(starts[last]))
            found[chosen] = self._room[(asking[chosen] - first) * width + positions[chosen]]
            self._room[places] = 0.0
        return found
