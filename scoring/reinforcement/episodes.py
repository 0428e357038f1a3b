"""Visits of simulated users under a policy: what was seen, shown and earned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.simulation.contract import Shoppers
from scoring.worth import WORTH


class Chooses(Protocol):
    """What fills lists: a policy that is learned, a ranker, or chance."""

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """(b, C, F) -> (b, n) places among the C candidates, none twice in a row."""


@dataclass(frozen=True, slots=True)
class Episodes:
    """M visits of B users, at most T each; visits of one moment are consecutive.

    Attributes:
        features: (M, C, F) float32 of the candidates.
        places: (M, n) int64 of the list, among the candidates.
        items: (M, n) int64 of the list, in the catalogue.
        examined: (M, n) bool, which ranks were looked at.
        clicks: (M, n) bool.
        purchases: (M, n) bool.
        dwell_s: (M, n) float64, 0 without a click.
        item_rewards: (M, n) float64, what each rank brought, or was expected to bring.
        inner: (M, S) float32, how the user was before, see `Shoppers.inner`.
        after: (M, S) float32, and after the visit, come back or not.
        stays: (M,) float64, the chance to come back, or 0 or 1 as it came.
        visits: (M,) int64 below T, how many visits the user had before.
        users: (M,) int64 below B.
        shape: T and B.
    """

    features: NDArray[np.float32]
    places: NDArray[np.int64]
    items: NDArray[np.int64]
    examined: NDArray[np.bool_]
    clicks: NDArray[np.bool_]
    purchases: NDArray[np.bool_]
    dwell_s: NDArray[np.float64]
    item_rewards: NDArray[np.float64]
    inner: NDArray[np.float32]
    after: NDArray[np.float32]
    stays: NDArray[np.float64]
    visits: NDArray[np.int64]
    users: NDArray[np.int64]
    shape: tuple[int, int] = field(kw_only=True)

    def over_time(self, of_visits: NDArray[np.float64]) -> NDArray[np.float64]:
        """(M,) numbers of the visits -> (T, B), 0 where a user had left."""
        found = np.zeros(self.shape)
        found[self.visits, self.users] = of_visits
        return found

    @property
    def rewards(self) -> NDArray[np.float64]:
        """(T, B) of each visit, 0 where a user had left."""
        return self.over_time(self.item_rewards.sum(axis=1))

    def earned(self, discount: float = 1.0) -> NDArray[np.float64]:
        """(B,) of each user, later visits discounted."""
        weights = discount ** np.arange(self.shape[0], dtype=np.float64)
        found: NDArray[np.float64] = weights @ self.rewards
        return found


def roll(
    shoppers: Shoppers,
    chooses: Chooses,
    n_users: int,
    n_visits: int,
    seed: int,
    *,
    expected: bool = False,
) -> Episodes:
    """Let fresh users come until their visits are over or they have left.

    Two policies that are rolled with one seed meet the same users with the same luck.

    Args:
        shoppers: Begin anew.
        chooses: What they are shown.
        n_users: How many come.
        n_visits: Of each, at most.
        seed: Of users and their luck.
        expected: Rewards are their true means, given the list and the user as she is. Their sums
            over visits have the same mean and less variance (Rao-Blackwell), and so has what
            follows with the true chance to come back. What a user does and whether she comes back
            is drawn as ever.
    """
    shoppers.reset(n_users, seed)
    here = np.arange(n_users)
    kept: list[tuple[NDArray[Any], ...]] = []
    for visit in range(n_visits):
        offer = shoppers.candidates(here)
        places = chooses(offer.features)
        slates = np.take_along_axis(offer.places, places, axis=1)
        true = shoppers.chances(slates, here) if expected else None
        before = shoppers.inner(here)
        seen = shoppers.react(slates, here)
        by_item = (
            WORTH.of(seen.clicks, seen.carts, seen.purchases, seen.dwell_s)
            if true is None
            else WORTH.of(true.clicked, true.carted, true.bought, true.dwell_s)
        )
        did = (seen.examined, seen.clicks, seen.purchases, seen.dwell_s, by_item)
        stays = seen.stays if expected else (~seen.left).astype(np.float64)
        was = (before, shoppers.inner(here), stays)
        kept.append((offer.features, places, slates, *did, *was, np.full(len(here), visit), here))
        here = here[~seen.left]
        if not len(here):
            break
    columns: list[Any] = [np.concatenate(each) for each in zip(*kept, strict=True)]
    return Episodes(*columns, shape=(n_visits, n_users))
