"""Simulated shoppers whose offers say what no shop knows: the truth of each candidate."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.simulation import FEATURES, Chances, Offer, Population, Reactions, Worth

TRUTH: Final = ("reward", "purchase", "joy_of_click")
"""Columns after `FEATURES`: means over the chances of the item alone in a list, as things are."""


class ToldShoppers:
    """A population whose offers hold the truth. Implements `Shoppers`; changes nothing else."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self.name, self.n_items = population.name, population.n_items
        self.features = (*population.features, *TRUTH)

    def reset(self, n_users: int, seed: int) -> None:
        """Begin anew."""
        self._population.reset(n_users, seed)

    def candidates(self, users: NDArray[np.int64] | None = None) -> Offer:
        """As the population's, with the columns of `TRUTH` added."""
        offer = self._population.candidates(users)
        who = np.arange(self._population.n_users) if users is None else users
        alone = offer.places.reshape(-1, 1)  # (b C, 1)
        each = np.repeat(who, offer.places.shape[1])
        true = self._population.chances(alone, each)
        joy = self._population._look(alone, each).joy
        worth = Worth().of(true.clicked, true.carted, true.bought, true.dwell_s)
        told = np.concatenate([worth, true.bought, true.clicked * joy], axis=1)  # (b C, 3)
        features = np.concatenate(
            [offer.features, told.reshape(*offer.places.shape, -1).astype(np.float32)], axis=2
        )
        return Offer(features, offer.places, offer.here)

    def chances(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Chances:
        """As the population's."""
        return self._population.chances(slates, users)

    def expected_reward(
        self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """As the population's."""
        return self._population.expected_reward(slates, users)

    def inner(self, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """As the population's."""
        return self._population.inner(users)

    def react(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Reactions:
        """As the population's."""
        return self._population.react(slates, users)


def column(features: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """(b, C, F) -> (b, C) of a column of `TRUTH`."""
    found: NDArray[np.float32] = features[:, :, len(FEATURES) + TRUTH.index(name)]
    return found
