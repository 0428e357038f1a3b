"""Vectors that need not be encoded again, found by what was encoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.errors import IndexFormatError
from index.hashes import Hashes
from index.loading import map_hashes, map_vectors, verified_files
from index.manifest import HASHES_NAME, VECTORS_NAME, Manifest
from index.store import IndexStore


class Known:
    """Looks vectors up by content hash; 12 bytes of memory each, the rest stays on disk."""

    def __init__(self, hashes: Hashes, vectors: NDArray[np.float32]) -> None:
        """Use these vectors.

        Args:
            hashes: (N, 2 or more) uint64, the first two words say what was encoded, see
                ``index.hashes``. Two zeros: not known.
            vectors: (N, d).
        """
        first = np.array(hashes[:, 0])
        rows = np.uint32 if len(first) < 1 << 32 else np.int64
        self._rows = np.argsort(first, kind="stable").astype(rows)
        self._sorted = first[self._rows]
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


def of_versions(store: IndexStore, encoder_version: str, dim: int) -> list[Known]:
    """What the current and the newest version hold of this encoder; damaged ones are left out.

    Of versions in an object store, only those that this machine has fetched.
    """
    found = []
    versions = store.versions()
    try:
        current = store.current()
    except IndexFormatError:  # a build is the way out of a broken pointer
        current = None
    for manifest in versions[:1] + [m for m in versions[1:] if m.version == current]:
        if (manifest.encoder_version, manifest.dim) != (encoder_version, dim):
            continue
        try:
            known = _of_version(store.root / manifest.version, manifest)
        except (IndexFormatError, ValueError):
            continue  # `verify` says what is wrong with it
        if known is not None:
            found.append(known)
    return found


def _of_version(folder: Path, manifest: Manifest) -> Known | None:
    with verified_files(folder, manifest, only={HASHES_NAME, VECTORS_NAME}) as files:
        hashes = map_hashes(files, manifest)
        return None if hashes is None else Known(hashes, map_vectors(files, manifest))
