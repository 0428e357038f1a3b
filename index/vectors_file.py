"""vectors.npy: the rows, as float32, mapped and not read."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_ROWS_A_WRITE = 65_536


def write_vectors(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write (N, d) rows, some at a time, so that a memory map is never copied whole."""
    header = np.lib.format.header_data_from_array_1_0(np.empty((0, vectors.shape[1]), np.float32))
    header["shape"] = vectors.shape
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(vectors), _ROWS_A_WRITE):
            chunk = np.ascontiguousarray(vectors[start : start + _ROWS_A_WRITE], dtype=np.float32)
            file.write(chunk.data)
        file.flush()
        os.fsync(file.fileno())


def map_vectors(file: BinaryIO, count: int, dim: int) -> NDArray[np.float32]:
    """Map (count, dim) rows read-only from an open file.

    Raises:
        ValueError: It is no ``.npy``, or its type or shape is another.
    """
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"vectors.npy has npy version {version}, (1, 0) is expected")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if shape != (count, dim) or dtype != np.float32 or fortran:
        raise ValueError(
            f"vectors.npy holds {dtype} {shape}, the manifest says float32 {(count, dim)}"
        )
    offset = file.tell()
    expected = offset + count * dim * 4
    size = os.fstat(file.fileno()).st_size
    if size != expected:
        raise ValueError(f"vectors.npy has {size} bytes, its header promises {expected}")
    if count == 0:
        return np.empty((0, dim), dtype=np.float32)
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype=np.float32, offset=offset).reshape(count, dim)
