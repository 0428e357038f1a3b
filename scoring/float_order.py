"""Floats as integers of the same order, so that a number and a place make one key of a sort."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ordered(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Integers in the order of these finite floats: their bits, the negative ones turned round."""
    bits = (values + np.float32(0.0)).view(np.int32)  # -0.0 becomes 0.0
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    return bits
