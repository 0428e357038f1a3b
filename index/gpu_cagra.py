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

    Copies of a row each have their place in it, unlike in ``hnsw``: many hide others.
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
        self._linked = len(vectors) >= FEW_ROWS
        index = _graph(vectors, parameters) if self._linked else flat_on_device(vectors, fp16=False)
        super().__init__(index, vectors)

    @property
    def parameters(self) -> Parameters:
        """All fields of ``GpuCagraParameters``."""
        return asdict(self._parameters)

    def _how(self, effort: float, depth: int) -> Any:
        if not self._linked:
            return None
        how = gpu().SearchParametersCagra()
        most = min(_MOST_IN_VIEW, self.count)
        wanted = max(depth, math.ceil(min(effort * self._parameters.itopk, most)))
        how.itopk_size = -(-wanted // 32) * 32  # in steps of 32
        return how


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
