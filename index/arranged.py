"""Rows in another order, beside the rows themselves: in memory, or on disk."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

_ROWS_A_STEP = 8_192


def arranged(rows: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float32]:
    """``rows[order]``; where the rows are mapped from a file, as another map, and not in memory.

    Args:
        rows: (N, d).
        order: (M,) row numbers.

    Returns:
        (M, d), C-contiguous. Its file has no name and goes with it.
    """
    if not isinstance(rows, np.memmap) or not rows.filename or not len(order):
        return rows[order]
    with TemporaryFile(dir=Path(rows.filename).parent) as file:
        for start in range(0, len(order), _ROWS_A_STEP):
            file.write(rows[order[start : start + _ROWS_A_STEP]].tobytes())
        file.flush()
        return np.memmap(file, np.float32, "r", shape=(len(order), rows.shape[1]))
