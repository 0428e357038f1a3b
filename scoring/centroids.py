"""One vector for each category and brand of a catalogue: the mean of its items, of length 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change, Place

LONGEST_NAME: Final = 64
"""Rows keep this many characters of a category or brand."""

_ROWS_A_TIME: Final = 16_384


@dataclass(slots=True)
class Centroids:
    """Where categories and brands lie.

    Attributes:
        rows: Key of a count (`c:<category>`, `b:<brand>`) -> row of the arrays.
        vectors: (K, d) unit rows.
        sums: (K, d) of the items' vectors.
        sizes: (K,) int64 number of items.
        free: Rows that no key has.
    """

    rows: dict[str, int]
    vectors: NDArray[np.float32]
    sums: NDArray[np.float32]
    sizes: NDArray[np.int64]
    free: list[int] = field(default_factory=list)

    def follow(self, change: Change) -> None:
        """Take over one change; a name comes with its first item and goes with its last."""
        before, after = change.before, change.after
        if (
            before is not None
            and after is not None
            and (before.category, before.brand) == (after.category, after.brand)
            and np.array_equal(before.vector, after.vector)
        ):
            return
        for place, sign in ((before, -1), (after, 1)):
            if place is None:
                continue
            for key in _keys(place):
                row = self._row(key)
                self.sizes[row] += sign
                if self.sizes[row]:
                    self.sums[row] += sign * place.vector
                    self.vectors[row] = unit(self.sums[row])
                else:  # what rounding has left is no direction
                    self.sums[row] = 0.0
                    self.free.append(self.rows.pop(key))

    def _row(self, key: str) -> int:
        row = self.rows.get(key)
        if row is None:
            if not self.free:
                used = len(self.vectors)
                self.free.extend(range(used + 63, used - 1, -1))
                self.vectors = np.pad(self.vectors, ((0, 64), (0, 0)))
                self.sums = np.pad(self.sums, ((0, 64), (0, 0)))
                self.sizes = np.pad(self.sizes, (0, 64))
            row = self.rows[key] = self.free.pop()
        return row


def find_centroids(catalogue: Catalogue, vectors: NDArray[np.float32]) -> Centroids:
    """Centroids of all categories and brands; reads every vector once.

    Args:
        catalogue: Of N items.
        vectors: (N, d) unit rows, aligned with it.
    """
    by_kind = (
        ("c:", catalogue.category_names, catalogue.category_codes),
        ("b:", catalogue.brand_names, catalogue.brand_codes),
    )
    rows: dict[str, int] = {}
    parts = []
    for prefix, names, codes in by_kind:
        # Names that share their first characters share a row, as they share a count.
        places = [rows.setdefault(prefix + name[:LONGEST_NAME], len(rows)) for name in names]
        parts.append((np.array(places, np.int64), _sums(codes, len(names), vectors), codes))
    sums = np.zeros((len(rows), vectors.shape[1]), np.float32)
    sizes = np.zeros(len(rows), np.int64)
    for at, summed, codes in parts:
        np.add.at(sums, at, summed)
        np.add.at(sizes, at, np.bincount(codes[codes >= 0], minlength=len(at)))
    return Centroids(rows, unit(sums), sums, sizes)


def _keys(place: Place) -> list[str]:
    """Rows that an item counts in."""
    names = (("c:", place.category), ("b:", place.brand))
    return [prefix + name[:LONGEST_NAME] for prefix, name in names if name is not None]


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., d) -> the same directions with length 1; a zero vector stays zero."""
    lengths = np.sqrt(np.vecdot(vectors, vectors))[..., None]
    found: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return found


def _sums(
    codes: NDArray[np.int32], n_codes: int, vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(n_codes, d) sums of the rows that carry each code; -1 belongs to none."""
    sums = np.zeros((n_codes, vectors.shape[1]), np.float32)
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], 0) :]
    for start in range(0, len(order), _ROWS_A_TIME):
        members = order[start : start + _ROWS_A_TIME]
        present, firsts = np.unique(codes[members], return_index=True)
        sums[present] += np.add.reduceat(vectors[members], firsts, axis=0)
    return sums
