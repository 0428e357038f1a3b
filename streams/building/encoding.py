"""A stream of items -> staged vectors: only what is new is encoded, and kept at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

import index
from index.encoded import EncodedLog
from index.hashes import Hashes, text_hashes
from index.known import Known
from index.staging import Staging
from streams.building.popularity import Popularity
from streams.item_tower import ItemTower

WINDOW = 4_096
"""Items in memory at a time; texts of like length among them are encoded together."""
_TEXTS_A_STEP = 256
"""What kill -9 can cost; eight of the encoder's batches."""


class Encoding:
    """Takes items window by window; counts what it encoded and what it did not have to.

    Attributes:
        n_encoded: Texts that the tower has read.
        n_reused: Items whose vector was known, or that share an encoded text.
    """

    def __init__(
        self, tower: ItemTower, staging: Staging, log: EncodedLog, known: Sequence[Known]
    ) -> None:
        """Encode with this tower.

        Args:
            tower: Text to vectors.
            staging: Where items and vectors go.
            log: Where new vectors are kept at once, and where those of a killed build are.
            known: Further vectors of this tower.
        """
        self._tower = tower
        self._staging = staging
        self._log = log
        self._known = [log.known, *known]
        self.n_encoded = 0
        self.n_reused = 0

    def run(
        self,
        items: Iterable[index.Item],
        popularity: Popularity | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Encode and stage all items.

        Args:
            items: In any order; consumed once.
            popularity: How often each was clicked; None = unknown.
            progress: Told how many items are done, about every second.
        """
        for window in _windows(items):
            counts = popularity.of([item.item_id for item in window]) if popularity else None
            texts = [self._tower.item_text(item) for item in window]
            hashes = text_hashes(self._tower.version, texts)
            vectors = self._vectors(texts, hashes, progress)
            self._staging.add(window, vectors, texts=hashes, popularity=counts)
            if progress is not None:
                progress(self.n_encoded + self.n_reused)

    def _vectors(
        self, texts: list[str], hashes: Hashes, progress: Callable[[int], None] | None
    ) -> NDArray[np.float32]:
        """(n, dim) of a window: what is known first, then the others, short texts before long."""
        vectors = np.empty((len(texts), self._staging.dim), np.float32)
        unknown = np.arange(len(texts))
        for source in self._known:
            rows = source.find(hashes[unknown])
            vectors[unknown[rows >= 0]] = source.vectors(rows[rows >= 0])
            unknown = unknown[rows < 0]
        _, first, place = np.unique(hashes[unknown], axis=0, return_index=True, return_inverse=True)
        new = unknown[first]  # one item of each text
        self.n_reused += len(texts) - len(new)
        encoded = np.empty((len(new), self._staging.dim), np.float32)
        by_length = np.argsort([len(texts[i]) for i in new], kind="stable")
        for start in range(0, len(new), _TEXTS_A_STEP):
            places = by_length[start : start + _TEXTS_A_STEP]
            encoded[places] = self._tower.encode_items([texts[i] for i in new[places]])
            self._log.append(hashes[new[places]], encoded[places])
            self.n_encoded += len(places)
            if progress is not None:
                progress(self.n_encoded + self.n_reused)
        vectors[unknown] = encoded[place.reshape(-1)]
        return vectors


def _windows(items: Iterable[index.Item]) -> Iterator[list[index.Item]]:
    rest = iter(items)
    while window := list(islice(rest, WINDOW)):
        yield window
