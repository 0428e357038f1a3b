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


def places_in(
    pairs: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each wanted pair is among others.

    Args:
        pairs: (n,) sorted, n at least 1.
        wanted: (m,) in any order.

    Returns:
        (m,) places, and (m,) False where the pair is not there and its place means nothing.
    """
    at = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    there: NDArray[np.bool_] = pairs[at] == wanted
    return at, there


def firsts(pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) True where one of (n,) sorted pairs is not the one before it."""
    found = np.empty(len(pairs), np.bool_)
    found[:1] = True
    np.not_equal(pairs[1:], pairs[:-1], out=found[1:])
    return found
