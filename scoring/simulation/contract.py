"""What a population of simulated shoppers does: offers, reactions, and the truth about both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

FEATURES: Final = (
    "match",  # cosine of the item to what a shop believes of the user's taste: noisy
    "lure",  # how clickable it looks, as its click rate shows
    "quality",  # how good it is, as its ratings show: noisy
    "price_gap",  # log price less the log price that the user pays as a rule
    "popularity",  # in standard deviations
    "tired",  # log(1 + how much of its category the user has seen lately)
    "bought_before",  # 0 or 1
    "last_dwell",  # log(1 + seconds of the last visit), the same for all candidates of a user
    "visits",  # log(1 + visits so far), the same for all candidates of a user
)
"""What a ranker may know of a candidate; `RecordedShoppers` adds what the shop's log says."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What might be shown to b users now.

    Attributes:
        features: (b, C, F) float32, columns as in `Shoppers.features`: what a ranker may know.
        places: (b, C) int64, places in the catalogue; none twice in a row.
        here: (b,) bool: false = has left for good; what such a user is shown does nothing.
    """

    features: NDArray[np.float32]
    places: NDArray[np.int64]
    here: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Chances:
    """The truth about a list, before it is shown; (b, K) float64 each.

    Attributes:
        examined: Chance that the rank is looked at.
        clicked: Chance of a click: at most `examined`.
        carted: Chance of click and cart.
        bought: Chance of click, cart and purchase.
        dwell_s: Mean seconds on the item's page, 0 without a click.
    """

    examined: NDArray[np.float64]
    clicked: NDArray[np.float64]
    carted: NDArray[np.float64]
    bought: NDArray[np.float64]
    dwell_s: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reactions:
    """What b users did with their lists.

    Attributes:
        examined: (b, K) bool.
        clicks: (b, K) bool: only of what was examined.
        carts: (b, K) bool: only of what was clicked.
        purchases: (b, K) bool: only of what is in the cart.
        dwell_s: (b, K) float64, seconds; 0 without a click.
        left: (b,) bool: will not come back, now or since earlier.
        days: (b,) float64 above 0: until the next visit; infinity for those who left.
        reward: (b,) float64: `Worth` of all that.
        stays: (b,) float64: the true chance to come back after all that, 0 for who had left.
    """

    examined: NDArray[np.bool_]
    clicks: NDArray[np.bool_]
    carts: NDArray[np.bool_]
    purchases: NDArray[np.bool_]
    dwell_s: NDArray[np.float64]
    left: NDArray[np.bool_]
    days: NDArray[np.float64]
    reward: NDArray[np.float64]
    stays: NDArray[np.float64]


class Shoppers(Protocol):
    """A seeded population; a user's time goes on by a visit with each `react`.

    `users` are numbers from 0 (each at most once in a call), everybody when None; `slates` are
    (b, K) places in the catalogue, best rank first, -1 = nothing at this rank.

    All chance is a function of (seed, user, visit, rank): it does not depend on who else is in a
    call, nor on what was shown. So two policies are compared on the same luck, and the same calls
    give the same population again.
    """

    @property
    def name(self) -> str:
        """Of the choice model."""

    @property
    def n_items(self) -> int:
        """Places of the catalogue."""

    @property
    def features(self) -> tuple[str, ...]:
        """Columns of what is offered."""

    def reset(self, n_users: int, seed: int) -> None:
        """Begin anew with `n_users` strangers."""

    def candidates(self, users: NDArray[np.int64] | None = None) -> Offer:
        """What might be shown now: what suits them, popular items, and chance."""

    def chances(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Chances:
        """The truth about these lists as things are now; changes nothing."""

    def expected_reward(
        self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(b,) mean of this visit's reward, exact; 0 for who has left. Changes nothing."""

    def inner(self, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """(b, S) how users are now, which no shop sees: for baselines, never for a policy."""

    def react(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Reactions:
        """Show these lists: what happens, and what it leaves behind in the users."""
