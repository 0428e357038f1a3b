"""A graph that FAISS has read: believed only where it is what its parameters say."""

from __future__ import annotations

from typing import Any

import numpy as np

from index.hnsw import VALUE_BYTES, HnswParameters
from index.library import faiss

# What FAISS calls the type of such a graph, by its storage.
HEADERS = {"fp32": b"IHNf", "fp16": b"IHNs", "sq8": b"IHNs"}


def check_graph(graph: Any, parameters: HnswParameters, *, dim: int) -> None:
    """Refuse a graph that is not what its parameters say, or that points outside itself.

    Raises:
        ValueError: With what is wrong.
    """
    _check_rows(graph, parameters, dim)
    _check_links(graph.hnsw, graph.ntotal, parameters.m)


def _check_rows(graph: Any, parameters: HnswParameters, dim: int) -> None:
    """The stored rows have the promised type, number, width and metric."""
    library = faiss()
    rows = library.downcast_index(graph.storage)
    flat = parameters.storage == "fp32"
    if not isinstance(rows, library.IndexFlat if flat else library.IndexScalarQuantizer):
        raise ValueError(f"index.faiss keeps its rows as {type(rows).__name__}")
    row_bytes = dim * VALUE_BYTES[parameters.storage]
    if (rows.code_size, rows.codes.size()) != (row_bytes, row_bytes * graph.ntotal):
        raise ValueError(f"index.faiss keeps its rows in {rows.code_size} bytes, not {row_bytes}")
    if not flat:
        _check_values(rows.sq, parameters, dim)
    expected = (graph.ntotal, dim, library.METRIC_INNER_PRODUCT)
    for part in (graph, rows):
        found = (part.ntotal, part.d, part.metric_type)
        if found != expected:
            raise ValueError(f"index.faiss has (nodes, width, metric) {found}, expected {expected}")


def _check_values(quantizer: Any, parameters: HnswParameters, dim: int) -> None:
    """The stored values are of the promised kind, and their ranges are numbers."""
    values = faiss().ScalarQuantizer
    kind = values.QT_8bit if parameters.storage == "sq8" else values.QT_fp16
    found = (quantizer.qtype, quantizer.d, quantizer.code_size)
    expected = (kind, dim, dim * VALUE_BYTES[parameters.storage])
    if found != expected:
        raise ValueError(f"index.faiss keeps its values as {found}, expected {expected}")
    ranges = faiss().vector_to_array(quantizer.trained)
    # Lowest value and width of each dimension; none yet where there are no rows.
    if len(ranges) not in ((0, 2 * dim) if parameters.storage == "sq8" else (0,)):
        raise ValueError(f"index.faiss has {len(ranges)} bounds of values, expected {2 * dim}")
    if not np.isfinite(ranges).all():
        raise ValueError("index.faiss has bounds of values that are not finite")


def _check_links(hnsw: Any, count: int, m: int) -> None:
    """Every link leads to a row: FAISS follows them without looking."""
    read = faiss().vector_to_array
    levels = read(hnsw.levels)
    offsets = read(hnsw.offsets).astype(np.int64)
    links = read(hnsw.neighbors)
    links_up_to = read(hnsw.cum_nneighbor_per_level)
    if len(levels) != count or len(offsets) != count + 1 or offsets[0] != 0:
        raise ValueError("index.faiss has a graph of another size than its rows")
    if count == 0:
        return
    top = hnsw.max_level + 1
    if levels.min() < 1 or levels.max() != top or top >= len(links_up_to):
        raise ValueError("index.faiss has rows on layers that do not exist")
    if tuple(links_up_to[:2]) != (0, 2 * m) or (np.diff(links_up_to) != m)[1:].any():
        raise ValueError("index.faiss has layers with another number of links")
    if not np.array_equal(np.diff(offsets), links_up_to[levels]):
        raise ValueError("index.faiss has rows with more or fewer links than their layers allow")
    if offsets[-1] != len(links) or links.min() < -1 or links.max() >= count:
        raise ValueError("index.faiss has links that lead outside its rows")
    for layer in range(1, top):
        first = offsets[:-1][levels > layer] + links_up_to[layer]
        there = links[first[:, None] + np.arange(m)]
        if (levels[there[there >= 0]] <= layer).any():
            raise ValueError("index.faiss has links to rows that are not on their layer")
    if not 0 <= hnsw.entry_point < count or levels[hnsw.entry_point] != top:
        raise ValueError("index.faiss starts its search at a row that is not on the top layer")
