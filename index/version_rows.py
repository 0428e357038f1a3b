"""All rows of a version again, some thousand at a time, as the start of the next one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item
from index.errors import IndexFormatError
from index.hashes import Hashes
from index.items_file import read_items
from index.loading import map_hashes, map_vectors
from index.manifest import HASHES_NAME, ITEMS_NAME, VECTORS_NAME
from index.store import IndexStore


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a version.

    Attributes:
        items: n items.
        vectors: (n, d) float32.
        texts: (n, 2) uint64, what was encoded; None in a version that does not know.
        popularity: (n,) float32.
    """

    items: list[Item]
    vectors: NDArray[np.float32]
    texts: Hashes | None
    popularity: NDArray[np.float32]


def version_rows(store: IndexStore, version: str) -> Iterator[Rows]:
    """The rows of a version, in their order.

    Raises:
        UnknownVersionError: There is no such version.
        IndexFormatError: It is damaged.
    """
    wanted = {ITEMS_NAME, VECTORS_NAME, HASHES_NAME}
    with store.files(version, wanted) as (manifest, files):
        try:
            vectors, hashes = map_vectors(files, manifest), map_hashes(files, manifest)
            start = 0
            for items, popularity in read_items(files[ITEMS_NAME]):
                rows = slice(start, start + len(items))
                start = rows.stop
                texts = None if hashes is None else hashes[rows, :2]
                yield Rows(items, vectors[rows], texts, popularity)
        except ValueError as error:
            raise IndexFormatError(version, [str(error)]) from error
