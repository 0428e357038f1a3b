"""One vector for each category and brand of a catalogue: the mean of its items, of length 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue

LONGEST_NAME: Final = 64
"""Rows keep this many characters of a category or brand."""

_ROWS_A_TIME: Final = 16_384


@dataclass(frozen=True, slots=True)
class Centroids:
    """Where categories and brands lie.

    Attributes:
        rows: Key of a count (`c:<category>`, `b:<brand>`) -> row of `vectors`.
        vectors: (K, d) unit rows.
    """

    rows: dict[str, int]
    vectors: NDArray[np.float32]


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
    sums = []
    for prefix, names, codes in by_kind:
        # Names that share their first characters share a row, as they share a count.
        places = [rows.setdefault(prefix + name[:LONGEST_NAME], len(rows)) for name in names]
        sums.append((places, _sums(codes, len(names), vectors)))
    merged = np.zeros((len(rows), vectors.shape[1]), np.float32)
    for places, summed in sums:
        np.add.at(merged, np.array(places, np.int64), summed)
    return Centroids(rows, unit(merged))


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
