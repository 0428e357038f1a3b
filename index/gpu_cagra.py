"""CAGRA: a graph of fixed degree, built and searched on a GPU (Ootomo et al., ICDE 2024)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from index.checks import check_bounds
from index.engine import Parameters
from index.gpu import FEW_ROWS, GpuEngine, gpu
from index.gpu_exact import flat_on_device
from index.groups import Groups, label_groups

# In a search for few queries, 32 rows and the links of one share a buffer of 256 (cuVS,
# `search_multi_cta.cuh`): a graph of more links is built, and then cannot be searched.
_MOST_LINKS = 224
# What a query has looked at, it keeps in a table of its own on the device: 256 KiB for so many rows
# in view (cuVS, `search_plan.cuh`). For an effort of a million there is no such table.
_MOST_IN_VIEW = 4_096


@dataclass(frozen=True, slots=True)
class GpuCagraParameters:
    """How the graph is built, and how hard it is searched. Not yet measured on a GPU.

    Attributes:
        degree: Links of a row.
        intermediate_degree: Links of a row before the weaker ones are cut, ``degree`` at least.
        itopk: Rows kept in view during a search, k at least; up to 512, large batches take another,
            quicker way through the graph (cuVS, `search_plan.cuh`).
    """

    degree: int = 32
    intermediate_degree: int = 64
    itopk: int = 160

    def __post_init__(self) -> None:
        """Refuse what cuVS would refuse only on the device.

        Raises:
            ValueError: A number is out of range.
        """
        check_bounds(
            self,
            {
                "degree": (4, _MOST_LINKS),
                "intermediate_degree": (4, 1_024),
                "itopk": (1, 2_048),
            },
        )
        if self.intermediate_degree < self.degree:
            raise ValueError(
                f"intermediate_degree is {self.intermediate_degree}, "
                f"expected the degree, {self.degree}, at least"
            )


class GpuCagraEngine(GpuEngine):
    """A graph on the device, and the rows beside it; effort counts up to 4,096 rows in view.

    Rows that are all but equal share one node and its score, as in ``hnsw``.
    """

    name: ClassVar[str] = "gpu-cagra"
    exact: ClassVar[bool] = False
    most_results: ClassVar[int] = 1_024  # cuVS, `topk_for_cagra/topk.cu`

    def __init__(self, vectors: NDArray[np.float32], parameters: GpuCagraParameters) -> None:
        """Link (N, d) unit rows, on the device.

        Raises:
            EngineUnavailableError: There is none.
        """
        self._parameters = parameters
        by_group, groups = _grouped(vectors)
        self._n_nodes = groups.n_nodes
        self._linked = self._n_nodes >= FEW_ROWS
        if not self._linked:
            super().__init__(flat_on_device(vectors, fp16=False), vectors)
        elif self._n_nodes == len(vectors):
            super().__init__(_graph(vectors, parameters), vectors)
        else:
            heads = by_group[groups.offsets[:-1]]
            graph = _graph(vectors[heads], parameters)
            super().__init__(_NodesAsRows(graph, by_group, groups), vectors)

    @property
    def parameters(self) -> Parameters:
        """All fields of ``GpuCagraParameters``."""
        return asdict(self._parameters)

    def _how(self, effort: float, depth: int) -> Any:
        if not self._linked:
            return None
        how = gpu().SearchParametersCagra()
        most = min(_MOST_IN_VIEW, self._n_nodes)
        in_view = math.ceil(min(effort * self._parameters.itopk, most))
        wanted = max(min(depth, self._n_nodes), in_view)
        how.itopk_size = -(-wanted // 32) * 32  # in steps of 32
        return how


class _NodesAsRows:
    """Searched like FAISS's index of all rows, where that on the device has one for each group."""

    def __init__(self, graph: Any, by_group: NDArray[np.int64], groups: Groups) -> None:
        self._graph = graph
        self._by_group = np.append(by_group, -1)  # row -1, none, stays so
        self._groups = groups

    def search(
        self, queries: NDArray[np.float32], depth: int, *, params: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        n_nodes = self._groups.n_nodes
        scores, nodes = self._graph.search(queries, min(depth, n_nodes), params=params)
        nodes[(nodes < 0) | (nodes >= n_nodes)] = -1  # see ``GpuEngine.search``
        scores, places = self._groups.spread(scores, nodes, depth)
        return scores, self._by_group[places]


def _grouped(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], Groups]:
    """(N,) rows, those of a group behind each other in order of position; and the groups."""
    labels = label_groups(vectors)
    sizes = np.bincount(labels)
    offsets = np.concatenate([[0], sizes.cumsum()]).astype(np.int64)
    return np.argsort(labels, kind="stable"), Groups(offsets)


def _graph(vectors: NDArray[np.float32], parameters: GpuCagraParameters) -> Any:
    library = gpu()
    config = library.GpuIndexCagraConfig()
    config.graph_degree = parameters.degree
    config.intermediate_graph_degree = parameters.intermediate_degree
    config.build_algo = library.graph_build_algo_IVF_PQ
    index = library.GpuIndexCagra(
        library.StandardGpuResources(), vectors.shape[1], library.METRIC_INNER_PRODUCT, config
    )
    index.train(np.ascontiguousarray(vectors))  # also takes them in
    return index
