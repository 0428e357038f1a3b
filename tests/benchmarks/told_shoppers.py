"""Simulated shoppers whose offers say what no shop knows: the truth of each candidate."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.simulation import FEATURES, Offer, Population, Worth
from scoring.simulation.told_more import ToldMore

TRUTH: Final = ("reward", "purchase", "joy_of_click")
"""Columns after `FEATURES`: means over the chances of the item alone in a list, as things are."""


class ToldShoppers(ToldMore):
    """A population whose offers hold the truth."""

    def __init__(self, population: Population) -> None:
        super().__init__(population, TRUTH)
        self._population = population

    def _told(self, offer: Offer, users: NDArray[np.int64] | None) -> NDArray[np.float32]:
        who = np.arange(self._population.n_users) if users is None else users
        alone = offer.places.reshape(-1, 1)  # (b C, 1)
        each = np.repeat(who, offer.places.shape[1])
        true = self._population.chances(alone, each)
        joy = self._population._look(alone, each).joy
        worth = Worth().of(true.clicked, true.carted, true.bought, true.dwell_s)
        told = np.concatenate([worth, true.bought, true.clicked * joy], axis=1)  # (b C, 3)
        found: NDArray[np.float32] = told.reshape(*offer.places.shape, -1).astype(np.float32)
        return found


def column(features: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """(b, C, F) -> (b, C) of a column of `TRUTH`."""
    found: NDArray[np.float32] = features[:, :, len(FEATURES) + TRUTH.index(name)]
    return found
