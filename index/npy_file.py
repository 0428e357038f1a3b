"""Arrays as .npy files: written in pieces, mapped and not read, never unpickled."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_BYTES_A_WRITE = 16 << 20
# What numpy raises, depending on where a header stops making sense; it knows no name of a file.
_NO_HEADER = (
    ValueError,
    TokenError,
    SyntaxError,
    TypeError,
    RecursionError,
    MemoryError,
    OverflowError,
)


def write_array(path: Path, array: NDArray[Any], order: NDArray[np.int64] | None = None) -> None:
    """Write an array, some rows at a time, so that a memory map is never copied whole.

    Args:
        path: A file that does not exist yet. Durable when this returns.
        array: Of numbers, one axis at least, C-contiguous.
        order: As many row numbers as there are rows: which to write first; None = as they are.
    """
    header = np.lib.format.header_data_from_array_1_0(array)
    rows_a_write = max(1, _BYTES_A_WRITE // max(1, array[:1].nbytes))
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(array), rows_a_write):
            chunk = slice(start, start + rows_a_write)
            file.write(array[chunk if order is None else order[chunk]].tobytes())
        file.flush()
        os.fsync(file.fileno())


def map_array(file: BinaryIO, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """Map an array read-only from an open file.

    Args:
        file: At its start.
        dtype: What it must hold.
        shape: What it must have.

    Raises:
        ValueError: It is no ``.npy`` file, or its type, shape or length is another.
    """
    name = Path(file.name).name
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"its npy version is {version}, expected (1, 0)")
        found_shape, fortran, found = np.lib.format.read_array_header_1_0(file)
    except _NO_HEADER as error:
        raise ValueError(f"{name} has a header that cannot be read ({error})") from error
    expected = np.dtype(dtype)
    if found_shape != shape or found != expected:
        raise ValueError(f"{name} holds {found} {found_shape}, expected {expected} {shape}")
    if fortran and len(shape) > 1:
        raise ValueError(f"{name} is stored by columns, expected by rows")
    offset = file.tell()
    size = os.fstat(file.fileno()).st_size
    promised = offset + int(np.prod(shape, dtype=np.int64)) * expected.itemsize
    if size != promised:
        raise ValueError(f"{name} has {size} bytes, its header promises {promised}")
    if size == offset:  # an empty map cannot be made
        return np.empty(shape, dtype=expected)
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype=expected, offset=offset).reshape(shape)
