"""Shoppers whose offers say more of each candidate, and who are the same otherwise."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from scoring.simulation.contract import Chances, Offer, Reactions, Shoppers


class ToldMore(ABC):
    """Others, with columns added to what they are offered. Implements `Shoppers`.

    Args:
        shoppers: Who visit; everything but their offers is theirs.
        names: Of the columns, which come after theirs.
    """

    def __init__(self, shoppers: Shoppers, names: tuple[str, ...]) -> None:
        self._shoppers = shoppers
        self.name, self.n_items = shoppers.name, shoppers.n_items
        self.features = (*shoppers.features, *names)

    @abstractmethod
    def _told(self, offer: Offer, users: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """(b, C, names) of what is offered to these users, None = all."""

    def candidates(self, users: NDArray[np.int64] | None = None) -> Offer:
        """As theirs, with the columns added."""
        offer = self._shoppers.candidates(users)
        features = np.concatenate([offer.features, self._told(offer, users)], axis=2)
        return Offer(features, offer.places, offer.here)

    def reset(self, n_users: int, seed: int) -> None:
        """Begin anew."""
        self._shoppers.reset(n_users, seed)

    def chances(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Chances:
        """As theirs."""
        return self._shoppers.chances(slates, users)

    def expected_reward(
        self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """As theirs."""
        return self._shoppers.expected_reward(slates, users)

    def inner(self, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """As theirs."""
        return self._shoppers.inner(users)

    def react(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Reactions:
        """As theirs."""
        return self._shoppers.react(slates, users)
