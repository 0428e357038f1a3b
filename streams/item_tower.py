"""What turns items into vectors, as builds and workers see it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import index


class ItemTower(Protocol):
    """`scoring.Encoder` is one."""

    version: str

    def item_text(self, item: index.Item) -> str:
        """The words of an item that are encoded."""

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts (n) -> (n, dim) unit vectors, in their order; none for none."""
