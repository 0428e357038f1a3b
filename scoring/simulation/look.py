"""What a list is to those who look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DWELL_SD: Final = 0.7
"""Deviation of the logarithm of seconds on an item's page."""

_DWELL_S: Final = 20.0
_DWELL_JOY: Final = 0.8


@dataclass(frozen=True, slots=True)
class Look:
    """A list as b users see it; (b, K) arrays, unless said otherwise.

    Attributes:
        users: (b,) numbers.
        here: (b,) has not left.
        places: In the catalogue, 0 where there is nothing.
        there: Something stands at this rank.
        match: Cosine of the user's taste and the item, in [-1, 1].
        lure: How clickable it looks.
        joy: In (-1, 1), how good the item turns out to be for this user once it is clicked.
        dear: Log price less the user's level.
        tired: log(1 + lately seen of its category).
        again: 1.0 where the user has bought it before.
    """

    users: NDArray[np.int64]
    here: NDArray[np.bool_]
    places: NDArray[np.int64]
    there: NDArray[np.bool_]
    match: NDArray[np.float64]
    lure: NDArray[np.float64]
    joy: NDArray[np.float64]
    dear: NDArray[np.float64]
    tired: NDArray[np.float64]
    again: NDArray[np.float64]

    @property
    def dwell_median_s(self) -> NDArray[np.float64]:
        """(b, K) seconds on the page of what is clicked."""
        found: NDArray[np.float64] = _DWELL_S * np.exp(_DWELL_JOY * self.joy)
        return found
