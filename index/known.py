"""Vectors that need not be encoded again, found by what was encoded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from index.errors import IndexFormatError, StoreUnavailableError, UnknownVersionError
from index.hashes import Hashes
from index.loading import map_hashes, map_vectors
from index.manifest import HASHES_NAME, VECTORS_NAME
from index.store import IndexStore


class Known:
    """Looks vectors up by content hash; 12 bytes of memory each, the rest stays on disk."""

    def __init__(
        self,
        hashes: Hashes,
        vectors: NDArray[np.float32],
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        """Use these vectors.

        Args:
            hashes: (N, 2 or more) uint64, the first two words say what was encoded, see
                ``index.hashes``. Two zeros: not known.
            vectors: (N, d).
            rows: Numbers of those that may be used; None = all.
        """
        first = np.array(hashes[:, 0] if rows is None else hashes[rows, 0])
        order = np.argsort(first, kind="stable")
        numbers = np.uint32 if len(hashes) < 1 << 32 else np.int64
        self._rows = (order if rows is None else rows[order]).astype(numbers)
        self._sorted = first[order]
        self._hashes = hashes
        self._vectors = vectors

    def __len__(self) -> int:
        """How many vectors."""
        return len(self._sorted)

    def find(self, wanted: Hashes) -> NDArray[np.int64]:
        """Rows of n hashes.

        Args:
            wanted: (n, 2).

        Returns:
            (n,) int64, -1 where there is none.
        """
        found = np.full(len(wanted), -1, np.int64)
        if not len(self):
            return found
        place = np.searchsorted(self._sorted, wanted[:, 0]).clip(max=len(self) - 1)
        rows = self._rows[place].astype(np.int64)
        same = (self._hashes[rows][:, :2] == wanted).all(axis=1) & wanted.any(axis=1)
        found[same] = rows[same]
        return found

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, d) copies of these rows."""
        return np.array(self._vectors[rows], dtype=np.float32)


def of_versions(
    store: IndexStore, encoder_version: str, dim: int, tell: Callable[[str], None]
) -> list[Known]:
    """What the newest version of this encoder holds, and the current one if it is of it.

    In the place of one that is damaged, or has no hashes, comes the next older one of this encoder.
    A version has one checksum for all its vectors, so that of a damaged one no vector is believed.
    Of versions in an object store, only those that this machine has fetched are asked; a copy that
    is damaged is fetched again.

    Args:
        store: Where.
        encoder_version: Whose vectors.
        dim: Their width.
        tell: Told of each version that is left out, and why.
    """
    try:
        current = store.current()
    except IndexFormatError:  # a build is the way out of a broken pointer
        current = None
    usable = [
        manifest
        for manifest in store.versions()
        if (manifest.encoder_version, manifest.dim) == (encoder_version, dim)
        and (store.root / manifest.version).is_dir()
    ]
    first = usable[:1] + [manifest for manifest in usable[1:] if manifest.version == current]
    others = [manifest for manifest in usable if manifest not in first]
    found: list[Known] = []
    for manifest in first + others:
        if len(found) == len(first):
            break
        try:
            known = _of_version(store, manifest.version)
        except (IndexFormatError, UnknownVersionError, StoreUnavailableError, ValueError) as error:
            tell(f"the vectors of {manifest.version} are not used again: {error}")
            continue
        if known is not None:
            found.append(known)
    return found


def _of_version(store: IndexStore, version: str) -> Known | None:
    with store.files(version, only={HASHES_NAME, VECTORS_NAME}) as (manifest, files):
        hashes = map_hashes(files, manifest)
        return None if hashes is None else Known(hashes, map_vectors(files, manifest))
