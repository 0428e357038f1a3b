"""The contract of every search engine: vectors in, positions out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Parameters = dict[str, int | float | str]
Progress = Callable[[str, int, int], None]  # stage, done, total


class Engine(ABC):
    """Finds the items with the largest inner product.

    Once an engine serves, ``search`` may be called from any number of threads at once; it keeps no
    state between calls and releases the GIL while it works. A position is a row of the vectors that
    the engine was built from. Rows are unit vectors, so that a score is a cosine; a zero row scores
    0 with every query.

    Attributes:
        name: How settings and manifests call this engine.
        exact: Whether it finds the true top-k, and not an approximation.
    """

    name: ClassVar[str]
    exact: ClassVar[bool]

    @property
    @abstractmethod
    def dim(self) -> int:
        """Width of a vector."""

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of rows."""

    @property
    @abstractmethod
    def parameters(self) -> Parameters:
        """What it was built with and searches with, as a manifest records it."""

    @abstractmethod
    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Top-k rows of each query, best first.

        Args:
            queries: (B, dim) float32, C-contiguous, finite; B may be 0.
            k: At least 1; may be more than ``count``.
            effort: 2.0 looks at about twice as many rows as the engine's parameters say; for
                queries unlike the items, such as short searches. Exact engines always look at all.
            allowed: (count,) bool, the rows that may come back; None = all.

        Returns:
            Scores (B, k) float32, descending, and positions (B, k) int64. Where fewer than k rows
            are allowed, the rest is -inf and -1: never as long as k are. Equal scores come in
            order of position.
        """

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write what the vectors alone do not tell, as files of this engine.

        Args:
            folder: The version's. What is written there is durable when this returns.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """What building an engine from N rows gives.

    Attributes:
        engine: Ready to search.
        order: (N,) int64; its position i is row ``order[i]`` of those it was built from. None
            = they are the same.
        recall_at_10: Measured with rows held out; None = too few rows to tell.
        recall_at_100: The same for 100.
    """

    engine: Engine
    order: NDArray[np.int64] | None
    recall_at_10: float | None
    recall_at_100: float | None
