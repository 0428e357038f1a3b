"""A user of the batch and an item as one number, so that millions are sorted and found at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

USER_SHIFT: Final = 40
"""A pair (user of the batch, item) is one int64: user << USER_SHIFT | position."""

POSITION_MASK: Final = (1 << USER_SHIFT) - 1


def pairs_of(users: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Users and positions of any shapes that broadcast -> pairs."""
    found: NDArray[np.int64] = (users << USER_SHIFT) | positions
    return found
