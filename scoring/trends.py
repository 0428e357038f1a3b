"""What is bought now, and by whom: for everyone, and for those of whom nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.item_counts import BOUGHT_DAYS, DAY_MS, NEVER
from scoring.popular import Popular
from scoring.shop_columns import ShopColumns
from scoring.shop_view import ShopView
from scoring.slate import Request

KNOWN, NEWCOMER, NEWCOMER_AT_HOME, NEWCOMER_ABROAD = range(4)
"""Audiences: who has bought before; who has not, from a region that is not known, from the one
where most newcomers are, and from any other."""

ENOUGH: Final = 200.0
"""Purchases, decayed by 28 days, from which the counts say more than an index's popularity."""

NEW_DAYS: Final = 14.0
MOST_NEW: Final = 500

_ENOUGH_NEWCOMERS: Final = 50.0
_TREND: Final = BOUGHT_DAYS.index(7.0)
_TODAY: Final = BOUGHT_DAYS.index(1.0)
_MONTH: Final = BOUGHT_DAYS.index(28.0)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trending:
    """What is bought now, by audience.

    Attributes:
        relative: (A, N) 1 for the most popular item of an audience; N as long as the columns are,
            A = 4, or 1 where all are one audience.
        positions: A times (n,) items in stock, the most popular first.
        new: (m,) items in stock that are new in the shop, the newest first, at most `MOST_NEW`.
        home: The region where most newcomers are; None = not known.
    """

    relative: Floats
    positions: tuple[NDArray[np.int64], ...]
    new: NDArray[np.int64]
    home: str | None

    def audiences(
        self, requests: Sequence[Request], have_bought: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """(B,) the audience of each request.

        Args:
            requests: B requests.
            have_bought: (B,) whether a purchase of the user is known.
        """
        found = np.full(len(requests), KNOWN)
        if len(self.positions) == 1:
            return found
        for user in np.flatnonzero(~have_bought).tolist():
            region = requests[user].region
            if region is None or self.home is None:
                found[user] = NEWCOMER
            else:
                found[user] = NEWCOMER_AT_HOME if region == self.home else NEWCOMER_ABROAD
        return found


def unchanging(popular: Popular) -> Trending:
    """What an index says is popular, to everyone alike."""
    nothing = np.empty(0, np.int64)
    return Trending(popular.relative[None], (popular.positions,), nothing, None)


class Trends:
    """The counts of a shop, read for lists; for one thread."""

    def __init__(self, view: ShopView, catalogue: Catalogue, at_most: int) -> None:
        """Look at nothing yet.

        Args:
            view: The counts, in the order of the catalogue; it is told of changes.
            catalogue: Of the snapshot.
            at_most: Length of the list of each audience.
        """
        self._view = view
        self._catalogue = catalogue
        self._at_most = at_most
        self._read: ShopColumns | None = None
        self._trending: Trending | None = None

    def at(self, now_ms: int) -> Trending | None:
        """What is bought at a moment; None where too little is known to say so."""
        columns = self._view.columns(now_ms)
        if columns is not self._read:
            self._read = columns
            enough = float(columns.bought[_MONTH].sum()) >= ENOUGH
            self._trending = self._rank(columns) if enough else None
        return self._trending

    def _rank(self, columns: ShopColumns) -> Trending:
        home, first_bought = newcomers_of(columns.newcomers)
        sold = columns.bought[_TREND]
        worth = np.stack([sold, *(mixed(columns.bought[_TODAY], each) for each in first_bought)])
        most = np.log1p(columns.bought[_MONTH].max())
        tops = worth.max(axis=1, keepdims=True)
        scaled = worth / np.where(tops > 0, tops, 1) * np.expm1(most)
        relative = (np.log1p(scaled) / most).astype(np.float32)
        in_stock = np.flatnonzero(self._catalogue.in_stock)
        positions = []
        for row in worth:
            n = min(self._at_most, len(in_stock))
            chosen = in_stock[np.argpartition(-row[in_stock], n - 1)[:n]] if n else in_stock
            positions.append(chosen[np.lexsort((chosen, -row[chosen]))])
        return Trending(relative, tuple(positions), self._new(columns), home)

    def _new(self, columns: ShopColumns) -> NDArray[np.int64]:
        """Items whose first event is not long ago, though that of the shop is."""
        first = columns.first_ms
        began = int(first[first != NEVER].min())
        since = max(columns.at_ms - int(NEW_DAYS * DAY_MS), began + int(NEW_DAYS * DAY_MS))
        new = np.flatnonzero((first >= since) & self._catalogue.in_stock)
        return new[np.lexsort((new, -first[new]))][:MOST_NEW]


def mixed(today: Floats, first_bought: Floats) -> Floats:
    """What all buy today and what newcomers bought, each as a share of its sum, in equal parts."""
    total, of_newcomers = float(today.sum()), float(first_bought.sum())
    mixture = today / max(total, 1e-9)
    if of_newcomers >= _ENOUGH_NEWCOMERS:
        mixture = mixture + first_bought / of_newcomers
    return mixture.astype(np.float32)


def newcomers_of(by_region: Mapping[str, Floats]) -> tuple[str | None, list[Floats]]:
    """What newcomers bought: all, those at home, and those of any other region.

    Home is the region where most of them are. Where they are too few in a group, all stand for it.

    Returns:
        The name of home, None where no region is known, and three times (N,).
    """
    regions = {name: by_region[name] for name in by_region}
    if not regions:
        return None, [np.zeros(1, np.float32)] * 3
    every = np.sum(list(regions.values()), axis=0)
    named = {name: row for name, row in regions.items() if name}
    if not named:
        return None, [every] * 3
    home = max(named, key=lambda name: (float(named[name].sum()), name))
    away = np.sum([row for name, row in named.items() if name != home] or [0 * every], axis=0)
    groups = [named[home], away]
    few = [float(row.sum()) < _ENOUGH_NEWCOMERS for row in groups]
    return home, [every, *(every if lacks else row for row, lacks in zip(groups, few, strict=True))]
