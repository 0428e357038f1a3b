"""A stand-in for FAISS with a GPU: it refuses what that refuses, and answers exactly on the CPU.

No GPU was at hand, so the conditions are those of the sources, FAISS 1.15 (02dbb4e, 2026-08-08) and
cuVS (ff0c807, 2026-07-01); where each is from stands beside it. What a device really finds, and how
fast, no stand-in can tell.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.library import faiss

_SIZE_T = 1 << 64


def require(condition: bool, what: str) -> None:
    """As ``FAISS_THROW_IF_NOT`` and ``RAFT_EXPECTS`` do."""
    if not condition:
        raise RuntimeError(what)


def _settings(name: str) -> Any:
    """FAISS's own class of settings, where it is the GPU's; it refuses names that it does not have.

    SWIG takes any name, and a misspelt one is then nobody's setting.
    """
    if not hasattr(faiss(), name):
        return SimpleNamespace
    its_own: type = getattr(faiss(), name)

    class Strict(its_own):  # type: ignore[misc]
        def __setattr__(self, key: str, value: object) -> None:
            require(key == "this" or hasattr(its_own, key), f"{name} has no {key}")
            super().__setattr__(key, value)

    return Strict


class StandIn:
    """The names of the module that the GPU engines use.

    Attributes:
        asked: The parameters of each search, None where there were none.
        taken: How many rows each index took in.
        indexes: All that were made.
    """

    METRIC_INNER_PRODUCT = 0
    StandardGpuResources = object
    GpuIndexFlatConfig = _settings("GpuIndexFlatConfig")
    GpuIndexIVFPQConfig = _settings("GpuIndexIVFPQConfig")
    GpuIndexCagraConfig = _settings("GpuIndexCagraConfig")
    graph_build_algo_IVF_PQ = 0  # noqa: N815
    SearchParametersCagra = _settings("SearchParametersCagra")

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.taken: list[int] = []
        self.indexes: list[_Index] = []

    def SearchParametersIVF(self, nprobe: int) -> Any:  # noqa: N802
        """SWIG takes a number that fits into a ``size_t``."""
        return SimpleNamespace(nprobe=range(_SIZE_T)[nprobe])

    def GpuIndexFlatIP(self, resources: object, dim: int, config: Any) -> Any:  # noqa: N802
        """GpuIndexFlat.cu."""
        assert isinstance(config.useFloat16, bool)
        return _Index(self, dim, lambda n_queries, k, how: require(how is None, "no parameters"))

    def GpuIndexIVFPQ(  # noqa: N802
        self,
        resources: object,
        dim: int,
        n_lists: int,
        n_codes: int,
        bits: int,
        metric: int,
        config: Any,
    ) -> Any:
        """GpuIndexIVFPQ.cu, ``verifyPQSettings_``; ProductQuantizer.cpp, ``set_derived_values``."""
        assert config.use_cuvs
        assert config.interleavedLayout
        require(n_lists > 0, "nlist must be >0")
        require(4 <= bits <= 8, "Bits per code must be within closed range [4,8]")
        require(bits * n_codes % 8 == 0, "must be a multiple of 8")
        require(dim % n_codes == 0, "dimension should be a multiple of the number of subquantizers")

        def check(n_queries: int, k: int, how: Any) -> None:
            # IndexUtils.cu, ``validateNProbe``; CuvsIVFPQ.cu, ``search``.
            require(0 < how.nprobe <= 16_384, "nprobe selection up to 16384")
            require(how.nprobe <= n_lists, "nprobe > 0 && nprobe <= numLists_")

        index = _Index(self, dim, check)
        index.nlist = n_lists
        # cuVS ivf_pq_build.cuh: "number of rows can't be less than n_lists".
        index.on_training = lambda n_rows: require(n_rows >= n_lists, "rows >= n_lists")
        return index

    def GpuIndexCagra(self, resources: object, dim: int, metric: int, config: Any) -> Any:  # noqa: N802
        """Of cuVS: ``search_plan.cuh``, ``search_multi_cta.cuh``, ``topk_for_cagra/topk.cu``."""
        # graph_core.cuh: "The degree of input knn graph is too large".
        require(config.intermediate_graph_degree <= 1_024, "equal to or smaller than 1024")
        n_rows = 0

        def train(rows: int) -> None:
            nonlocal n_rows
            n_rows = rows

        def check(n_queries: int, k: int, how: Any) -> None:
            itopk = -(-range(_SIZE_T)[how.itopk_size] // 32) * 32
            single = itopk <= 512 and n_queries >= 2 * 132  # multiprocessors of an H200
            if single:
                require(k <= itopk, "topk must be smaller than itopk_size")
                return
            require(k <= 1_024, "topk must be lower than or equal to 1024")
            require(k <= itopk, "num_cta_per_query * 32 must be equal to or greater than topk")
            require(-(-(32 + config.graph_degree) // 32) * 32 <= 256, "cannot exceed 256")
            steps, reach = 32, 1
            while reach < n_rows:
                reach *= max(2, config.graph_degree // 2)
                steps += 1
            bits = max(11, int(2 * (itopk // 32) * steps - 1).bit_length())
            require(bits <= 25, "hash_bitlen cannot be largen than 25 (32M)")
            # 4 bytes an entry, and 4 times as many as needed; a device has 139 GiB at most.
            require(16 * n_queries << bits <= 1 << 36, "out of memory")

        index = _Index(self, dim, check)
        index.on_training = train
        return index


class _Index:
    """Answers as the device should."""

    def __init__(self, device: StandIn, dim: int, check: Any) -> None:
        self._device, self._check = device, check
        device.indexes.append(self)
        self._index = faiss().IndexFlatIP(dim)
        self.nlist = 0
        self.on_training: Any = None

    def train(self, rows: NDArray[np.float32]) -> None:
        self.on_training(len(rows))
        if not self.nlist:  # a graph takes its rows in
            self.add(rows)

    def add(self, rows: NDArray[np.float32]) -> None:
        self._device.taken.append(len(rows))
        self._index.add(rows)

    def search(
        self, queries: NDArray[np.float32], k: int, *, params: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        require(0 < k <= 16_384, "min/max-K selection up to 16384")  # IndexUtils.cu
        require(k <= self._index.ntotal, "k must not be larger than the size of the index")
        self._check(len(queries), k, params)
        self._device.asked.append(params)
        return self._index.search(queries, k)  # type: ignore[no-any-return]
