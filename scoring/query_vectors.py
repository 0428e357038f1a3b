"""Search texts -> vectors, each text encoded once while it is remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class QueryTower(Protocol):
    """What the ranking needs of an encoder; `Encoder` is one."""

    @property
    def version(self) -> str:
        """Names the model; an index made by another one never meets its vectors."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts (n) -> (n, d) float32 unit vectors."""


class QueryVectors:
    """The latest `capacity` distinct queries with their vectors (1.5 KB each at d = 384).

    For one thread at a time.
    """

    def __init__(self, tower: QueryTower, capacity: int = 10_000) -> None:
        self._tower = tower
        self._capacity = capacity
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    @property
    def version(self) -> str:
        """The encoder's version."""
        return self._tower.version

    def texts(self) -> list[str]:
        """What is remembered, the latest last."""
        return list(self._known)

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of n texts; those not remembered are encoded together.

        Spaces at the ends and runs of spaces make no difference.

        Returns:
            (n, d) float32 unit vectors; n must be at least 1.
        """
        plain = [" ".join(text.split()) for text in texts]
        new = [text for text in dict.fromkeys(plain) if text not in self._known]
        if new:
            # Copies: a row would keep all vectors of its batch for as long as it is remembered.
            rows = map(np.copy, self._tower.encode_queries(new))
            self._known.update(zip(new, rows, strict=True))
        found = np.stack([self._known[text] for text in plain])
        for text in plain:
            self._known.move_to_end(text)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return found
