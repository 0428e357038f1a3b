"""What a user's items speak for, by tables of items: sums over rows, for all users of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.rules.pairs import pairs_of

AT_ONCE: Final = 16
"""Users whose products are laid out at once: they stay in the cache, and no memory is given back to
the system after each batch, which would cost more than the sums."""


@dataclass(frozen=True, slots=True)
class Entries:
    """E entries of B users, user by user: rows of a table, whatever their weights.

    Attributes:
        starts: (B + 1,) user b has the entries starts[b] to starts[b + 1].
        rows: (E,) rows of the table.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        """B."""
        return len(self.starts) - 1

    def parts(self, most: int) -> Iterator[tuple[slice, slice, Entries]]:
        """Some users, their entries, and these for themselves, until all have been there.

        Args:
            most: Users at once.
        """
        for first in range(0, len(self), most):
            starts = self.starts[first : first + most + 1]
            entries = slice(int(starts[0]), int(starts[-1]))
            users = slice(first, first + len(starts) - 1)
            yield users, entries, Entries(starts - starts[0], self.rows[entries])


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """Which columns the rows of a table have; several tables may have the same.

    Attributes:
        starts: (R + 1,) row r has the places starts[r] to starts[r + 1].
        columns: (nnz,) int64, which column each place is of, none twice in a row.
        width: C columns.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    width: int


class Sums:
    """``sum over a user's entries e of  weight_e * table[row_e, c]``, for tables of one pattern.

    Which products there are is found once for all tables, and each product is added where it
    belongs: half the time of a sparse product for each table.
    """

    def __init__(self, entries: Entries, pattern: Pattern) -> None:
        """Find P products.

        Args:
            entries: Of B users.
            pattern: Of the tables.
        """
        begins = pattern.starts[entries.rows]
        self._lengths = pattern.starts[entries.rows + 1] - begins
        ends = np.cumsum(self._lengths)
        count = int(ends[-1]) if len(ends) else 0
        places = np.repeat(begins - (ends - self._lengths), self._lengths)
        places += np.arange(count)
        self._places = places  # (P,) in the tables
        users = np.repeat(np.arange(len(entries)) * pattern.width, np.diff(entries.starts))
        self._cells = np.repeat(users, self._lengths)  # (P,) in the sums
        self._cells += pattern.columns[places]

    def met(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(nnz,) values of a table -> (P,) those that an entry meets."""
        found: NDArray[np.float32] = values[self._places]
        return found

    def add(
        self,
        weights: NDArray[np.floating] | NDArray[np.bool_],
        met: NDArray[np.float32],
        into: NDArray[np.float32],
    ) -> None:
        """Add the products of a table to sums.

        Args:
            weights: (E,) of the entries.
            met: (P,) of `met`.
            into: (B, C) contiguous.
        """
        products = np.repeat(weights.astype(np.float32), self._lengths)
        products *= met
        np.add.at(into.reshape(-1), self._cells, products)


def best(sums: NDArray[np.float32], columns: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Pairs of each user and the items with their largest sums above 0.

    Args:
        sums: (B, C).
        columns: (C,) item positions, -1 = not in the catalogue.
        most: Of a user.
    """
    users = np.flatnonzero(sums.any(axis=1))
    most = min(most, sums.shape[1])
    if not len(users) or most == 0:
        return np.empty(0, np.int64)
    top, values = largest(sums[users], most)
    positions = columns[top]
    kept = (values > 0) & (positions >= 0)
    return pairs_of(np.repeat(users, kept.sum(axis=1)), positions[kept])


def largest(sums: NDArray[np.float32], most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(B, most) ascending columns of the largest sums of each row, and these.

    Args:
        sums: (B, C).
        most: 1 to C.
    """
    # The smallest of what is turned round, for a partition is slow at the other end of many zeros.
    top = np.argpartition(-sums, most - 1, axis=1)[:, :most]
    top.sort(axis=1)
    return top, np.take_along_axis(sums, top, axis=1)
