"""What users' reactions are worth, as policies learn from it and are weighed by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Amounts = NDArray[np.bool_] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Worth:
    """What a reaction is worth: `reward = Σ worth · what happened`."""

    click: float = 0.1
    cart: float = 0.2
    purchase: float = 1.0
    minute: float = 0.02

    def of(
        self,
        clicks: Amounts,
        carts: Amounts,
        purchases: Amounts,
        dwell_s: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Happened or not, or the chances of it, of one shape -> worth of each, same shape."""
        found: NDArray[np.float64] = (
            self.click * clicks
            + self.cart * carts
            + self.purchase * purchases
            + self.minute * dwell_s / 60.0
        )
        return found


WORTH: Final = Worth()
"""The weights that are used everywhere."""
