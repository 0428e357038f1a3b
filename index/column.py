"""An array that grows on disk, row after row, so that a build's memory does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BYTES_A_STEP = 16 << 20


class Column:
    """Rows of one type and width in a file: appended first, then mapped."""

    def __init__(self, path: Path, dtype: type[np.generic], width: int) -> None:
        """Start an empty one.

        Args:
            path: A file that does not exist yet.
            dtype: Of its values.
            width: Values in a row.
        """
        self._path = path
        self._dtype = np.dtype(dtype)
        self._width = width
        self._file = path.open("xb")
        self._n_rows = 0

    def __len__(self) -> int:
        """Number of rows."""
        return self._n_rows

    def append(self, rows: NDArray[Any]) -> None:
        """Add (n, width) rows behind the others."""
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())
        self._n_rows += len(rows)

    def map(self) -> NDArray[Any]:
        """All rows so far, (n, width), read from disk as they are touched."""
        self._file.flush()
        shape = (self._n_rows, self._width)
        if self._n_rows == 0:  # an empty map cannot be made
            return np.empty(shape, self._dtype)
        return np.memmap(self._path, self._dtype, "r", shape=shape)

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep these rows only, in their order; nothing may be mapped at that time.

        Args:
            rows: Row numbers, ascending.
        """
        self._file.flush()
        if len(rows):
            array = np.memmap(self._path, self._dtype, "r+", shape=(self._n_rows, self._width))
            step = max(1, _BYTES_A_STEP // (self._width * self._dtype.itemsize))
            for start in range(0, len(rows), step):  # a row never moves down, so none is lost
                chunk = rows[start : start + step]
                array[start : start + len(chunk)] = array[chunk]
            array.flush()
            del array
        self._file.truncate(len(rows) * self._width * self._dtype.itemsize)
        self._file.seek(0, 2)
        self._n_rows = len(rows)

    def close(self) -> None:
        """No more rows come; what is mapped stays."""
        self._file.close()
