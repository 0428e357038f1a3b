"""An encoder whose vectors are kept at once: a killed build looks them up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import index
from index.encoded import EncodedLog
from index.hashes import text_hashes
from streams.item_tower import ItemTower


class KeptTower:
    """Encodes as the encoder does."""

    def __init__(self, tower: ItemTower, log: EncodedLog) -> None:
        """Encode with it, and put all it makes into the log of its vectors."""
        self._tower = tower
        self._log = log
        self.version = tower.version

    def item_text(self, item: index.Item) -> str:
        """The words of an item that are encoded."""
        return self._tower.item_text(item)

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts (n) -> (n, dim) unit vectors, in their order; none for none."""
        vectors = self._tower.encode_items(texts)
        self._log.append(text_hashes(self.version, texts), vectors)
        return vectors
