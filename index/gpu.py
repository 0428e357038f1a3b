"""What the engines on a GPU share: the way to the device, masks, and results that are owed.

Where rows are masked, more results are asked for and those that are not allowed are dropped; what
is still owed then is searched exactly on the CPU. (FAISS 1.15 can leave rows out on the device;
that waits for a device to try it on.) Nothing of these engines is written to a version: they are
made from its vectors whenever it is opened.
"""

from __future__ import annotations

import math
import threading
from abc import abstractmethod
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from index.brute import best_of
from index.engine import Engine
from index.errors import EngineUnavailableError
from index.exact import ExactEngine
from index.library import faiss
from index.ranking import finish

# Results asked for beyond what a mask is expected to leave.
_MORE = 32
# With fewer rows than this, lists and graphs have too little to learn from: all are compared.
FEW_ROWS = 1_024


@cache
def gpu() -> Any:
    """The FAISS module, where it can use a GPU.

    Each engine has resources of its own (``StandardGpuResources``): those of one must not be used
    by two threads at once, and FAISS ends the process where they are. While a version serves,
    another thread makes the next one. FAISS takes 1.5 GiB of a device of more than 8 GiB for each,
    and 256 MiB of pinned memory, at its first use.

    Raises:
        EngineUnavailableError: This build of FAISS has no GPU code, or it sees no device.
    """
    library = faiss()
    if not hasattr(library, "StandardGpuResources"):
        raise EngineUnavailableError(
            "this version is for a GPU engine, and the installed FAISS has no GPU code: on a "
            "machine with CUDA 13 pip install 'rillstream[gpu]', or build a version for the CPU "
            "from the same items (rillstream index build --engine auto)"
        )
    if library.get_num_gpus() < 1:
        raise EngineUnavailableError(
            "FAISS sees no GPU: look at nvidia-smi and CUDA_VISIBLE_DEVICES, or build a version "
            "for the CPU from the same items (rillstream index build --engine auto)"
        )
    return library


class GpuEngine(Engine):
    """An engine whose searches run on device 0, one after another.

    Attributes:
        most_results: So many results of a query come from the device at most.
    """

    most_results: ClassVar[int] = 2_048

    def __init__(self, device_index: Any, vectors: NDArray[np.float32]) -> None:
        """Serve what FAISS has put on the device.

        Args:
            device_index: It finds positions; its scores may be approximate.
            vectors: (N, d) float32 unit rows, in order of position.
        """
        self._device_index = device_index
        self._vectors = vectors
        self._exact = ExactEngine(vectors)
        self._searching = threading.Lock()

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._vectors.shape[1])

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self._vectors)

    @property
    def _refine(self) -> int:
        """So many times k results get exact scores; 0 = the device's scores are exact enough."""
        return 0

    @abstractmethod
    def _how(self, effort: float, depth: int) -> Any:
        """FAISS's parameters for one search of this depth, None = it has none."""

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Top-k rows. See ``Engine.search``; very deep searches run on the CPU, exactly."""
        wanted = float(k * max(1, self._refine))
        if allowed is not None:
            share = np.count_nonzero(allowed) / max(1, self.count)
            wanted = wanted / share + _MORE if share else math.inf
        depth = math.ceil(min(wanted, self.count))
        if depth > self.most_results or not depth or not len(queries):
            return self._exact.search(queries, k, allowed=allowed)
        with self._searching:
            scores, found = self._device_index.search(
                queries, depth, params=self._how(effort, depth)
            )
        # What is missing has, by engine and release, the largest number of 31, 32 or 63 bits.
        found[found >= self.count] = -1
        if allowed is not None:
            found[~allowed[found]] = -1  # -1 itself stays so
        last = np.argsort(found < 0, axis=1, kind="stable")
        found = np.take_along_axis(found, last, axis=1)
        if self._refine:
            scores, found = best_of(self._vectors, queries, found, k)
        else:
            scores = np.take_along_axis(scores, last, axis=1)[:, :k].copy()
            found = found[:, :k].copy()
        scores, found = finish(scores, found, k)
        self._exact.complete(queries, scores, found, allowed)
        return scores, found

    def write(self, folder: Path) -> None:
        """Write nothing: the vectors are all it is made from."""
