"""A simulated shop whose wishes change by the hour, and one season of which ends. Made up.

Everything here is drawn from a formula: no figure of it says anything about a real shop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scoring.online.examples import Examples

HOUR_S: Final = 3_600
DAY_S: Final = 24 * HOUR_S
N_NUMBERS: Final = 8
N_ITEMS: Final = 120
N_SEASONAL: Final = 40
"""The last items are seasonal: shown to 40 % of visitors until the season ends, then to nobody."""

FEATURES: Final = (*(f"x{n}" for n in range(N_NUMBERS)), "seasonal")
_GRID_S: Final = 300


@dataclass(frozen=True, slots=True)
class Shown:
    """n items that were shown, by time.

    Attributes:
        rows: What is learned from: one task, ctr.
        at_s: (n,) seconds since the beginning.
        chances: (n,) true chances of a click.
    """

    rows: Examples
    at_s: NDArray[np.float64]
    chances: NDArray[np.float64]

    def part(self, which: NDArray[np.bool_]) -> Shown:
        """Some of them."""
        places = np.flatnonzero(which)
        return Shown(self.rows.part(places), self.at_s[places], self.chances[places])


def joined(parts: Sequence[Shown]) -> Shown:
    """One after the other."""
    return Shown(
        Examples.joined([each.rows for each in parts]),
        np.concatenate([each.at_s for each in parts]),
        np.concatenate([each.chances for each in parts]),
    )


class DriftingShop:
    """Logistic clicks: a numbers' part whose weights wander, and the appeal of the item of now.

    The appeal of each item that is not seasonal is an Ornstein-Uhlenbeck process with standard
    deviation .8 that forgets half of itself in 6 hours; 5 % of these items are replaced each day.
    From `drift_s` on, the weights of the numbers wander as well, a quarter of their length a day.
    What holds for seasonal items never changes.
    """

    def __init__(self, days: float, drift_s: float, seed: int) -> None:
        """Draw the world."""
        rng = np.random.default_rng([2, seed])
        n = int(days * DAY_S / _GRID_S) + 2
        self._seed = seed
        self._drift_s = drift_s
        keep = 0.5 ** (_GRID_S / (6 * HOUR_S))
        appeal = np.empty((n, N_ITEMS), np.float64)
        appeal[0] = rng.normal(0, 0.8, N_ITEMS)
        for step in range(1, n):
            fresh = rng.normal(0, 0.8, N_ITEMS)
            appeal[step] = keep * appeal[step - 1] + np.sqrt(1 - keep**2) * fresh
            replaced = rng.random(N_ITEMS) < 0.05 * _GRID_S / DAY_S
            appeal[step, replaced] = fresh[replaced]
        appeal[:, -N_SEASONAL:] = appeal[0, -N_SEASONAL:]
        self._appeal = appeal
        weights = rng.normal(0, 0.5, N_NUMBERS)
        moves = rng.normal(0, 0.25 / np.sqrt(N_NUMBERS), (n, N_NUMBERS)) * np.linalg.norm(weights)
        moves *= np.sqrt(_GRID_S / DAY_S)
        moves[: int(drift_s / _GRID_S)] = 0
        self._weights = weights + np.cumsum(moves, axis=0)
        self._seasonal = rng.normal(0, 0.5, N_NUMBERS)

    def shown(self, from_s: float, to_s: float, per_s: float, salt: int = 0) -> Shown:
        """Items shown in a time, so many a second."""
        rng = np.random.default_rng([3, self._seed, int(from_s), salt])
        n = int((to_s - from_s) * per_s)
        at_s = np.sort(rng.uniform(from_s, to_s, n))
        season = (rng.random(n) < 0.4) & (at_s < self._drift_s)
        items = np.where(
            season,
            rng.integers(N_ITEMS - N_SEASONAL, N_ITEMS, n),
            rng.integers(0, N_ITEMS - N_SEASONAL, n),
        )
        x = rng.normal(size=(n, N_NUMBERS))
        step = (at_s / _GRID_S).astype(np.int64)
        weights = np.where(season[:, None], self._seasonal, self._weights[step])
        chances = expit(-2.2 + (x * weights).sum(axis=1) + self._appeal[step, items])
        clicked = rng.random(n) < chances
        features = np.concatenate([x, season[:, None]], axis=1).astype(np.float32)
        rows = Examples(
            features,
            items.astype(np.int64),
            clicked[:, None].astype(np.float32),
            np.ones(n, np.int64),
        )
        return Shown(rows, at_s, chances)
