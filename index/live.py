"""A version and what has changed since it was built: upserts found at once, deletions gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item
from index.exact import ExactEngine
from index.live_catalogue import LiveCatalogue
from index.snapshot import Candidates, Snapshot

SPARE = 10_000
"""Changed items for which there is room from the start; more of them make the room grow."""

_ROUNDING = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item is, or was.

    Attributes:
        position: Its row.
        category: As it is, or was, there.
        brand: The same.
        vector: (d,) the same; nobody writes into it.
    """

    position: int
    category: str | None
    brand: str | None
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Change:
    """What a change did to an item; None = the item was not there, or is gone.

    Attributes:
        before: Its place until now.
        after: Its place from now on; the same position where only the stock has changed.
    """

    before: Place | None
    after: Place | None


class LiveIndex:
    """A snapshot, searched together with the items that have changed since; looks like a snapshot.

    Changed items are rows of their own, after the snapshot's, and are compared exactly, whatever
    the engine. A row of the snapshot whose item is deleted, replaced or out of stock is not
    searched, and so never takes the place of another in the k. An item that is as it was when the
    version was built takes no row.

    For one thread, which searches and changes it in turn: a position means something until the next
    change only. While nothing has changed and all is in stock, a search is the snapshot's own.

    Attributes:
        catalogue: Of all rows; grows.
        manifest: Of the snapshot.
        version: The same.
        encoder_version: The same.
        dim: The same.
        vectors: (N, dim) of the snapshot's rows only; ``gather`` knows all.
        n_tombstones: The snapshot's items that are deleted.
    """

    def __init__(self, snapshot: Snapshot, *, spare: int = SPARE) -> None:
        """Nothing has changed yet.

        Args:
            snapshot: Stays as it is.
            spare: Changed items for which memory is set aside.
        """
        self._snapshot = snapshot
        self.manifest = snapshot.manifest
        self.version = snapshot.version
        self.encoder_version = snapshot.encoder_version
        self.dim = snapshot.dim
        self.vectors = snapshot.vectors
        self.catalogue = LiveCatalogue(snapshot.catalogue, spare)
        self.n_tombstones = 0
        self._added = np.zeros((spare, snapshot.dim), np.float32)
        self._engine = ExactEngine(self._added[:0])

    def __len__(self) -> int:
        """Number of rows, those that hold nothing now included."""
        return len(self.catalogue)

    @property
    def n_delta(self) -> int:
        """Items that have a row of their own beside the snapshot's."""
        return self.catalogue.n_changed

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Candidates:
        """Top-k items of each query that are in stock, and allowed; see ``Snapshot.search``.

        ``allowed`` is as long as the catalogue's columns, as ``Filter.mask`` makes it.
        """
        catalogue = self.catalogue
        n_base = catalogue.n_base
        shown = catalogue.in_stock if allowed is None else catalogue.in_stock & allowed
        base = shown[:n_base] if catalogue.n_hidden or allowed is not None else None
        found = self._snapshot.search(queries, k, effort=effort, allowed=base)
        if not catalogue.n_changed:
            return found
        there = shown[n_base : n_base + self._engine.count]
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        scores, positions = self._engine.search(rows, k, allowed=None if there.all() else there)
        positions[positions >= 0] += n_base
        return _merged(found, scores, positions, k)

    def gather(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n,) positions -> (n, dim) vectors, a copy."""
        n_base = self.catalogue.n_base
        if not self.catalogue.n_added or not (late := positions >= n_base).any():
            return self.vectors.take(positions, axis=0)
        found = np.empty((len(positions), self.dim), np.float32)
        found[~late] = self.vectors[positions[~late]]
        found[late] = self._added[positions[late] - n_base]
        return found

    def upsert(self, item: Item, vector: NDArray[np.float32]) -> Change | None:
        """An item is new, or is not what it was.

        Args:
            item: As it is now.
            vector: (dim,) float32 of length 1, or all 0.

        Returns:
            What that changed, None if nothing did.
        """
        catalogue, item_id = self.catalogue, item.item_id
        before, base = self._place(item_id), catalogue.base_position(item_id)
        as_built = base >= 0 and catalogue.says(base, item) and _same(self.vectors[base], vector)
        if before is not None and self._is(before, item, vector):
            return None
        if base >= 0 and before is None:
            self.n_tombstones -= 1
        if as_built:
            catalogue.restore(item_id, item.in_stock)
        else:
            self._write(catalogue.put(item), vector)
        return Change(before, self._place(item_id))

    def delete(self, item_id: str) -> Change | None:
        """An item is gone, and stays gone until it is upserted again.

        Returns:
            What that changed, None if the item was not there.
        """
        before = self._place(item_id)
        if before is None:
            return None
        self.catalogue.remove(item_id)
        self.n_tombstones += self.catalogue.base_position(item_id) >= 0
        return Change(before, None)

    def warm(self) -> None:
        """See ``Snapshot.warm``."""
        self._snapshot.warm()

    def require_encoder(self, encoder_version: str) -> None:
        """See ``Snapshot.require_encoder``."""
        self._snapshot.require_encoder(encoder_version)

    def _place(self, item_id: str) -> Place | None:
        catalogue = self.catalogue
        at = catalogue.position(item_id)
        if at < 0:
            return None
        n_base = catalogue.n_base
        vector = self.vectors[at] if at < n_base else self._added[at - n_base].copy()
        return Place(at, catalogue.categories[at], catalogue.brands[at], vector)

    def _is(self, place: Place, item: Item, vector: NDArray[np.float32]) -> bool:
        return (
            self.catalogue.says(place.position, item)
            and bool(self.catalogue.in_stock[place.position]) == item.in_stock
            and _same(place.vector, vector)
        )

    def _write(self, position: int, vector: NDArray[np.float32]) -> None:
        at, n_added = position - self.catalogue.n_base, self.catalogue.n_added
        if n_added > len(self._added):
            longer = np.zeros((2 * n_added + 1_024, self.dim), np.float32)
            longer[: len(self._added)] = self._added
            self._added = longer
        self._added[at] = vector
        self._engine = ExactEngine(self._added[:n_added])


Corpus: TypeAlias = Snapshot | LiveIndex
"""What a ranking searches: a version as it was built, or with the changes since."""


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two vectors are one: a build scales them to length 1 again, which rounds."""
    return bool(np.abs(one - other).max() <= _ROUNDING)


def _merged(
    found: Candidates, scores: NDArray[np.float32], positions: NDArray[np.int64], k: int
) -> Candidates:
    """The best k of two answers; of equal scores the snapshot's come first: lower positions."""
    both = np.concatenate([found.scores, scores], axis=1)
    order = np.argsort(-both, axis=1, kind="stable")[:, :k]
    places = np.concatenate([found.positions, positions], axis=1)
    return Candidates(
        np.take_along_axis(places, order, axis=1), np.take_along_axis(both, order, axis=1)
    )
