"""IVF-PQ on a GPU through cuVS, the best rows scored exactly on the CPU."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from index.checks import check_bounds
from index.engine import Parameters
from index.gpu import FEW_ROWS, GpuEngine, gpu
from index.gpu_exact import flat_on_device

_ROWS_A_LIST = 64
_MOST_LISTS = 16_384
_MOST_PROBES = 16_384  # FAISS, `IndexUtils.cu`


@dataclass(frozen=True, slots=True)
class GpuIvfPqParameters:
    """How rows are kept on the device, and how many are looked at. Not yet measured on one.

    Attributes:
        lists: Into how many lists like rows are put; 0 = as fits their number.
        probes: Lists that a search looks through.
        values_a_code: So many values of a row share a code of 8 bits. Fewer where the width is no
            multiple.
        refine: So many times k rows get their exact scores, from the version's vectors.
    """

    lists: int = 0
    probes: int = 64
    values_a_code: int = 4
    refine: int = 4

    def __post_init__(self) -> None:
        """Refuse what FAISS would crash on.

        Raises:
            ValueError: A number is out of range.
        """
        most = 1 << 20
        check_bounds(
            self,
            {
                "lists": (0, most),
                "probes": (1, _MOST_PROBES),
                "values_a_code": (1, most),
                "refine": (1, most),
            },
        )


class GpuIvfPqEngine(GpuEngine):
    """Lists of 8-bit codes on the device."""

    name: ClassVar[str] = "gpu-ivfpq"
    exact: ClassVar[bool] = False

    def __init__(self, vectors: NDArray[np.float32], parameters: GpuIvfPqParameters) -> None:
        """Learn lists and codes of (N, d) unit rows, on the device.

        Raises:
            EngineUnavailableError: There is none.
        """
        self._parameters = parameters
        few = len(vectors) < FEW_ROWS
        index = flat_on_device(vectors, fp16=False) if few else _learnt(vectors, parameters)
        self._n_lists = 0 if few else int(index.nlist)
        super().__init__(index, vectors)

    @property
    def parameters(self) -> Parameters:
        """All fields of ``GpuIvfPqParameters``."""
        return asdict(self._parameters)

    @property
    def _refine(self) -> int:
        return self._parameters.refine

    def _how(self, effort: float, depth: int) -> Any:
        if not self._n_lists:
            return None
        most = min(_MOST_PROBES, self._n_lists)
        n_probes = max(1, round(min(effort * self._parameters.probes, most)))
        return gpu().SearchParametersIVF(nprobe=n_probes)


def _learnt(vectors: NDArray[np.float32], parameters: GpuIvfPqParameters) -> Any:
    library = gpu()
    n_rows, dim = vectors.shape
    fitting = min(_MOST_LISTS, n_rows // _ROWS_A_LIST)
    width = max(v for v in range(1, parameters.values_a_code + 1) if dim % v == 0)
    config = library.GpuIndexIVFPQConfig()
    config.use_cuvs = True
    config.interleavedLayout = True  # the only one of cuVS
    index = library.GpuIndexIVFPQ(
        library.StandardGpuResources(),
        dim,
        min(parameters.lists or fitting, n_rows),
        dim // width,
        8,
        library.METRIC_INNER_PRODUCT,
        config,
    )
    rows = np.ascontiguousarray(vectors)
    index.train(rows)
    index.add(rows)
    return index
