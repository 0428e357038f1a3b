"""Simulated impressions whose true chances are known: rarely clicked items convert more often.

Everything here is drawn from a formula: no figure of it says anything about a real shop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

N_USERS: Final = 500
N_ITEMS: Final = 300
N_NUMBERS: Final = 6
_WIDTH: Final = 3
_FULL_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Exposures:
    """n impressions, in no order.

    Attributes:
        users: (n,) numbers.
        items: (n,) numbers.
        numbers: (n, 6) of the context.
        click: (n,) true chances.
        conversion: (n,) true chances of a conversion after a click, of what is not clicked as well.
        dwell_s: (n,) true medians of the dwell after a click.
        clicked: (n,) 0 or 1.
        converted: (n,) 0 or 1: clicked and converted.
        dwelt_s: (n,) seconds, NaN where there was no click; a forgotten tab now and then.
        depth: (n,) in [0, 1], NaN where there was no click.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    numbers: NDArray[np.float64]
    click: NDArray[np.float64]
    conversion: NDArray[np.float64]
    dwell_s: NDArray[np.float64]
    clicked: NDArray[np.int64]
    converted: NDArray[np.int64]
    dwelt_s: NDArray[np.float64]
    depth: NDArray[np.float64]

    def columns(self) -> dict[str, list[object]]:
        """As a file has them: no chances."""
        return {
            "user": [f"u{each}" for each in self.users],
            "item": [f"i{each}" for each in self.items],
            **{f"x{place}": list(self.numbers[:, place]) for place in range(N_NUMBERS)},
            "click": self.clicked.tolist(),
            "sale": self.converted.tolist(),
            "sale_of_click": [
                sale if click else None
                for sale, click in zip(self.converted.tolist(), self.clicked.tolist(), strict=True)
            ],
            "dwell_ms": (1000 * self.dwelt_s).tolist(),
            "depth": self.depth.tolist(),
        }


def draw_exposures(n: int, seed: int) -> Exposures:
    """About 9 % clicks, and 14 % of these convert; of all exposures, 30 % would if clicked."""
    world, rng = np.random.default_rng(0), np.random.default_rng([1, seed])
    tastes, offers = (world.normal(0, 0.7, (size, _WIDTH)) for size in (N_USERS, N_ITEMS))
    appeal, need = world.normal(0, 0.8, N_ITEMS), world.normal(0, 0.8, N_USERS)
    users, items = rng.integers(N_USERS, size=n), rng.integers(N_ITEMS, size=n)
    x = rng.normal(size=(n, N_NUMBERS))
    match = (tastes[users] * offers[items]).sum(axis=1)
    click = expit(-3.2 + match + appeal[items] + x[:, 0] + 0.5 * x[:, 1])
    conversion = expit(-1.3 - appeal[items] - x[:, 0] + need[users] + 0.5 * x[:, 2])
    dwell_s = np.exp(2.5 + 0.8 * need[users] + 0.5 * x[:, 3])
    clicked = (rng.random(n) < click).astype(np.int64)
    converted = clicked * (rng.random(n) < conversion)
    dwelt = dwell_s * np.exp(rng.normal(0, 0.7, n))
    dwelt = np.where(rng.random(n) < 0.02, 3600.0, dwelt)
    depth = np.clip(expit(x[:, 4] + need[users]) + rng.normal(0, 0.15, n), 0, 1)
    there = np.where(clicked == 1, 1.0, np.nan)
    dwelt, depth = dwelt * there, depth * there
    return Exposures(users, items, x, click, conversion, dwell_s, clicked, converted, dwelt, depth)
