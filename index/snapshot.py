"""One loaded version of the corpus: immutable, searchable from any thread."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from index.catalogue import Catalogue, checked_popularity
from index.engine import Engine
from index.errors import DimensionMismatchError, EncoderMismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from index.manifest import Manifest


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What retrieval found for B queries.

    Attributes:
        positions: (B, k) int64 rows of the snapshot, best first, -1 = none.
        scores: (B, k) float32 inner products, -inf = none.
    """

    positions: NDArray[np.int64]
    scores: NDArray[np.float32]


class Snapshot:
    """An immutable, searchable version of the item corpus.

    Rows and queries are unit vectors, so that a score is a cosine.

    Attributes:
        manifest: What it was loaded from.
        version: Name of the version.
        encoder_version: The model that made its vectors.
        dim: Width of a vector.
        catalogue: What is known of the items; row i of it, vector i and position i are one item.
        vectors: (N, dim) float32 unit rows, read-only.
    """

    __slots__ = ("_engine", "catalogue", "dim", "encoder_version", "manifest", "vectors", "version")

    def __init__(
        self,
        manifest: Manifest,
        engine: Engine,
        catalogue: Catalogue,
        vectors: NDArray[np.float32],
    ) -> None:
        """Put together what belongs together; ``IndexStore.open`` is the usual way to one."""
        self.manifest = manifest
        self.version = manifest.version
        self.encoder_version = manifest.encoder_version
        self.dim = manifest.dim
        self.catalogue = catalogue
        self.vectors = vectors
        self._engine = engine

    def __len__(self) -> int:
        """Number of items."""
        return len(self.catalogue)

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Candidates:
        """Top-k items of each query by inner product; releases the GIL, safe from any thread.

        Args:
            queries: (B, dim) unit vectors; a zero query scores 0 with every item. Other types than
                float32, or other orders than C, are converted.
            k: How many, at least 1; may be more than there are items.
            effort: 3.0 looks at three times as many items as the version's parameters say, in three
                times the time. Short search texts, unlike any item, need it
                (docs/benchmarks-index.md).
            allowed: (N,) bool, the positions that may come back; None = all.

        Returns:
            (B, k) candidates, equal scores in order of position; where fewer than k items are
            allowed, the rest has position -1 and score -inf.

        Raises:
            DimensionMismatchError: The queries are not (B, dim).
            ValueError: k < 1, effort <= 0, a query is not finite or longer than 1e19, or
                ``allowed`` is no mask of the N items.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise DimensionMismatchError(
                f"queries have shape {queries.shape}, snapshot {self.version} needs "
                f"(B, {self.dim}): encode them with {self.encoder_version}, which made its vectors"
            )
        if k < 1:
            raise ValueError(f"k is {k}, at least 1 is needed")
        if not 0 < effort < math.inf:
            raise ValueError(f"effort is {effort}, more than 0 is needed")
        if allowed is not None and (allowed.shape != (len(self),) or allowed.dtype != np.bool_):
            raise ValueError(
                f"allowed is {allowed.dtype} {allowed.shape}, a mask of the items is "
                f"bool ({len(self)},)"
            )
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        # A sum is not finite as soon as one number is not, and takes a tenth of the time of testing
        # each. FAISS would answer such a query with plausible nonsense. That of the squares takes
        # half as long as a plain one, and tells of numbers whose products no score can hold.
        if not math.isfinite(np.vdot(rows, rows)):
            raise ValueError(
                "a query holds nan or infinity, or numbers beyond all scores; look at what made it"
            )
        scores, positions = self._engine.search(rows, k, effort, allowed)
        return Candidates(positions, scores)

    def gather(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n,) positions -> (n, dim) vectors, a copy."""
        return self.vectors.take(positions, axis=0)

    def with_popularity(self, popularity: NDArray[np.float32]) -> Snapshot:
        """The same version under other counts: what a past is replayed with must not know more.

        Args:
            popularity: (N,), at least 0.

        Raises:
            RejectedInputError: It is of another length, negative or not finite.
        """
        known = checked_popularity(popularity.copy(), len(self))
        catalogue = replace(self.catalogue, popularity=known)
        return Snapshot(self.manifest, self._engine, catalogue, self.vectors)

    def warm(self) -> None:
        """Touch all pages, so that the first real query does not wait for the disk."""
        if len(self) == 0:
            return
        self.vectors.sum()
        self.search(np.ascontiguousarray(self.vectors[:1]), 1)

    def require_encoder(self, encoder_version: str) -> None:
        """Refuse to serve another model's queries.

        Raises:
            EncoderMismatchError: They differ.
        """
        if encoder_version != self.encoder_version:
            raise EncoderMismatchError(
                f"index version {self.version} holds vectors of {self.encoder_version}, "
                f"the encoder is {encoder_version}: build the index with this encoder, "
                "or start with the other one"
            )
