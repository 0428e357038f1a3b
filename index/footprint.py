"""Memory that an engine takes beside the vectors, by its parameters."""

from __future__ import annotations

from functools import singledispatch

from index.gpu_cagra import GpuCagraParameters
from index.gpu_exact import GpuExactParameters
from index.gpu_ivfpq import GpuIvfPqParameters
from index.hnsw import VALUE_BYTES, HnswParameters
from index.ivfpq import IvfPqParameters
from index.ivfpq_build import n_lists


@singledispatch
def own_bytes(parameters: object, count: int, dim: int) -> int:
    """Bytes of ``count`` rows; of a GPU engine, on the device. An engine without any takes none."""
    return 0


@own_bytes.register
def _(parameters: HnswParameters, count: int, dim: int) -> int:
    # Links to 2 m rows on the lowest layer and m / (m - 1) above it on average, level and offset.
    links = 4 * (2 * parameters.m + 2)
    return count * (dim * VALUE_BYTES[parameters.storage] + links + 12)


@own_bytes.register
def _(parameters: IvfPqParameters, count: int, dim: int) -> int:
    codes = (parameters.n_codes(dim) + 1) // 2
    return count * (codes + 8) + n_lists(parameters, count) * dim * 4


@own_bytes.register
def _(parameters: GpuExactParameters, count: int, dim: int) -> int:
    return count * dim * VALUE_BYTES[parameters.storage]


@own_bytes.register
def _(parameters: GpuIvfPqParameters, count: int, dim: int) -> int:
    return count * (dim // parameters.values_a_code + 8)


@own_bytes.register
def _(parameters: GpuCagraParameters, count: int, dim: int) -> int:
    return count * (4 * dim + 4 * parameters.degree)
