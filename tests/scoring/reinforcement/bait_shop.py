"""A shop whose truth fits on a line: bait pays more now and drives people away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.joined_log import JoinedLog, joined_log
from scoring.reinforcement.episodes import roll
from scoring.simulation.contract import Chances, Offer, Reactions

N_ITEMS = 6
BAIT, GOOD = (0, 1), (2, 3)  # places; the others are never clicked
_CLICKS = np.array([1.0, 1.0, 0.6, 0.6, 0.0, 0.0])
_STAYS = np.array([0.0, 0.0, 0.45, 0.45, 0.2, 0.2])  # added over a list of two


class BaitShop:
    """Lists of two of six items, each its own feature; implements `Shoppers`."""

    name = "bait"
    n_items = N_ITEMS
    features = tuple(f"is_{place}" for place in range(N_ITEMS))

    def reset(self, n_users: int, seed: int) -> None:
        """All come."""
        self._n, self._rng = n_users, np.random.default_rng(seed)
        self._here = np.ones(n_users, np.bool_)
        self._visits = np.zeros(n_users)

    def candidates(self, users: NDArray[np.int64] | None = None) -> Offer:
        """Everything."""
        who = np.arange(self._n) if users is None else users
        features = np.tile(np.eye(N_ITEMS, dtype=np.float32), (len(who), 1, 1))
        places = np.tile(np.arange(N_ITEMS), (len(who), 1))
        return Offer(features, places, self._here[who])

    def chances(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Chances:
        """Each item by itself."""
        clicks, none = _CLICKS[slates], np.zeros(slates.shape)
        return Chances(none + 1, clicks, none, none, none)

    def expected_reward(
        self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Clicks alone."""
        found: NDArray[np.float64] = 0.1 * _CLICKS[slates].sum(axis=1)
        return found

    def inner(self, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """How often they came."""
        who = np.arange(self._n) if users is None else users
        return self._visits[who, None].astype(np.float32)

    def react(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Reactions:
        """Click, and stay or go."""
        who = np.arange(self._n) if users is None else users
        clicks = self._rng.random((self._n, 2))[who] < _CLICKS[slates]
        stays = _STAYS[slates].sum(axis=1)
        self._here[who] &= self._rng.random(self._n)[who] < stays
        self._visits[who] += 1
        none, left = np.zeros(slates.shape, np.bool_), ~self._here[who]
        days = np.where(left, np.inf, 1.0)
        return Reactions(
            none | True,
            clicks,
            none,
            none,
            np.zeros(slates.shape),
            left,
            days,
            0.1 * clicks.sum(axis=1),
            stays,
        )


def bait_log(n_users: int) -> JoinedLog:
    """Visits of an hour apart under uniform lists, as the joined log has them."""
    rng = np.random.default_rng(4)
    lists: list[NDArray[np.int64]] = []

    def uniform(features: NDArray[np.float32]) -> NDArray[np.int64]:
        lists.append(rng.random(features.shape[:2]).argsort(axis=1)[:, :2])
        return lists[-1]

    seen = roll(BaitShop(), uniform, n_users, 12, 1)
    rows = [
        (
            f"{user}-{visit}",
            f"u{user}",
            f"i{seen.places[list_, rank]}",
            rank + 1,
            1 / (N_ITEMS - rank),
            visit * 3_600_000,
            True,
            bool(seen.clicks[list_, rank]),
            False,
            False,
            0,
            0.0,
            -1,
            "",
            "",
            "",
            True,
        )
        for list_, (user, visit) in enumerate(
            zip(seen.users.tolist(), seen.visits.tolist(), strict=True)
        )
        for rank in range(2)
    ]
    shown = np.take_along_axis(seen.features, seen.places[:, :, None], axis=1)
    return joined_log(rows, shown.reshape(-1, N_ITEMS), BaitShop.features)
