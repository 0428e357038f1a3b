"""The contract of every search engine: vectors in, positions out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Parameters = dict[str, int | float | str]


class Engine(ABC):
    """Finds the items with the largest inner product.

    An engine is immutable once it serves: ``search`` may be called from any number of threads at once, keeps
    no state between calls and releases the GIL while it works. Positions are rows of the vectors that it was
    built from. Rows are unit vectors, so that a score is a cosine; a zero row scores 0 with every query.

    Attributes:
        name: How settings and manifests call this engine.
        exact: Whether the true top-k comes back, and not an approximation of it.
        dim: Width of a vector.
        count: Number of rows.
        parameters: What it was built with and searches with, as a manifest records it.
    """

    name: ClassVar[str]
    exact: ClassVar[bool]
    dim: int
    count: int
    parameters: Parameters

    @abstractmethod
    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Top-k rows of each query, best first.

        Args:
            queries: (B, dim) float32, C-contiguous, finite; B may be 0.
            k: At least 1; may be more than ``count``.

        Returns:
            Scores (B, k) float32, descending, and positions (B, k) int64. Where there are fewer than k
            rows, the rest is -inf and -1. Equal scores come in order of position.
        """
