"""index.faiss: written by FAISS, read only within limits and only where the type is one that we write."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from index.hnsw import HnswParameters

# The first four bytes of a FAISS file name its type.
_HEADERS = {"fp32": b"IHNf", "fp16": b"IHNs", "sq8": b"IHNs"}
# FAISS's limits are process-wide, so only one file is read at a time.
_reading = threading.Lock()


def write_graph(path: Path, graph: Any) -> None:
    """Write a FAISS index and make it durable."""
    import faiss

    faiss.write_index(graph, str(path))
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read_graph(
    file: BinaryIO, size: int, parameters: HnswParameters, *, count: int, dim: int
) -> Any:
    """Read an HNSW index, and check that it is what the manifest says and cannot lead a search astray.

    Args:
        file: Open at its start, already verified.
        size: Its length in bytes, the limit for any vector that FAISS allocates.
        parameters: What it was built with.
        count: Number of rows.
        dim: Width of a row.

    Returns:
        A ``faiss.IndexHNSW``.

    Raises:
        ValueError: It is of another type or shape, or its graph points outside.
    """
    import faiss

    header = file.read(4)
    if header != _HEADERS[parameters.storage]:
        raise ValueError(f"index.faiss is of type {header!r}, expected {_HEADERS[parameters.storage]!r}")
    file.seek(0)
    with _reading:
        before = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(size)
        try:
            graph = faiss.read_index(faiss.PyCallbackIOReader(file.read))
        except RuntimeError as error:
            raise ValueError(f"FAISS cannot read index.faiss ({error})") from error
        finally:
            faiss.set_deserialization_vector_byte_limit(before)
    _check_shape(graph, parameters, count, dim)
    _check_links(graph.hnsw, count, parameters.m)
    return graph


def _check_shape(graph: Any, parameters: HnswParameters, count: int, dim: int) -> None:
    import faiss

    storage = faiss.downcast_index(graph.storage)
    kinds = {"fp32": faiss.IndexFlat, "fp16": faiss.IndexScalarQuantizer, "sq8": faiss.IndexScalarQuantizer}
    if not isinstance(storage, kinds[parameters.storage]):
        raise ValueError(f"index.faiss stores its rows as {type(storage).__name__}")
    for part in (graph, storage):
        found = (part.ntotal, part.d, part.metric_type)
        if found != (count, dim, faiss.METRIC_INNER_PRODUCT):
            raise ValueError(f"index.faiss holds (rows, width, metric) {found}, expected {(count, dim)}")


def _check_links(hnsw: Any, count: int, m: int) -> None:
    """Every link must lead to a row: FAISS follows them without looking."""
    import faiss

    levels = faiss.vector_to_array(hnsw.levels)
    offsets = faiss.vector_to_array(hnsw.offsets)
    links = faiss.vector_to_array(hnsw.neighbors)
    per_level = faiss.vector_to_array(hnsw.cum_nneighbor_per_level)
    if len(levels) != count or len(offsets) != count + 1 or offsets[0] != 0:
        raise ValueError("index.faiss has a graph of another size than its rows")
    if count == 0:
        return
    if levels.min() < 1 or levels.max() >= len(per_level) or hnsw.max_level != levels.max() - 1:
        raise ValueError("index.faiss has rows on layers that do not exist")
    if per_level[1] != 2 * m or not np.array_equal(np.diff(offsets.astype(np.int64)), per_level[levels]):
        raise ValueError("index.faiss has rows with another number of links than its layers allow")
    if offsets[-1] != len(links) or links.min() < -1 or links.max() >= count:
        raise ValueError("index.faiss has links that lead outside its rows")
    entry = hnsw.entry_point
    if not 0 <= entry < count or levels[entry] != hnsw.max_level + 1:
        raise ValueError("index.faiss starts its search at a row that is not on its top layer")
