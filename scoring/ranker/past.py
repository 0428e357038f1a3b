"""What each user of a batch bought, item by item: how often, how lately, how regularly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.policy import DAY_MS, MINUTE_MS
from scoring.purchases import Purchases
from scoring.rules.pairs import USER_SHIFT, firsts, pairs_of

SESSION_MS: Final = 30 * MINUTE_MS
"""Events of a user with a longer pause between them belong to two visits, two baskets."""

HALF_LIVES_DAYS: Final = (14.0, 45.0, 90.0)
NEVER_DAYS: Final = 400.0
_MOST_SINCE: Final = 20.0
_NOT_DUE: Final = -1.0
_MOST_DUE: Final = 10.0

ITEM_FEATURES: Final = (
    "times",
    "pieces",
    "returned",
    *(f"decayed_{days:.0f}d" for days in HALF_LIVES_DAYS),
    "days_since_last",
    "days_since_first",
    "baskets_since",
    "due",
    "share_of_baskets",
)
"""Of a user and an item: logarithms of counts and days; `due` = days since it was bought, in units
of the mean pause between two purchases of it."""

USER_FEATURES: Final = ("n_baskets", "basket_size", "share_again", "interval", "days_away", "n_own")
"""Of a user: logarithms of counts and days, and how much of what they buy they had before."""


@dataclass(frozen=True, slots=True)
class Past:
    """n pairs of B users and items that they bought or returned.

    Attributes:
        pairs: (n,) sorted, none twice, see `rules.pairs`.
        owners: (n,).
        positions: (n,).
        items: (len(ITEM_FEATURES), n) float32.
        users: (len(USER_FEATURES), B) float32.
        days_since: (n,) days since each was bought last; infinite where it only came back.
    """

    pairs: NDArray[np.int64]
    owners: NDArray[np.int64]
    positions: NDArray[np.int64]
    items: NDArray[np.float32]
    users: NDArray[np.float32]
    days_since: NDArray[np.float64]


NOTHING: Final = np.array(
    [
        {
            "days_since_last": np.log1p(NEVER_DAYS),
            "days_since_first": np.log1p(NEVER_DAYS),
            "baskets_since": _MOST_SINCE,
            "due": _NOT_DUE,
        }.get(name, 0.0)
        for name in ITEM_FEATURES
    ],
    np.float32,
)
"""`ITEM_FEATURES` of what a user never bought."""


def read_past(purchases: Purchases) -> Past:
    """Add up what each user bought, newest entries first as they come."""
    pairs, at = np.unique(
        pairs_of(purchases.owners, purchases.positions), return_inverse=True
    )  # (n,), (entries,)
    count, n_users = len(pairs), len(purchases.starts) - 1
    bought = ~purchases.returned
    days = np.maximum(purchases.ages_ms, 0.0) / DAY_MS
    numbers = _basket_numbers(purchases, bought)
    times = np.bincount(at[bought], minlength=count).astype(np.float64)
    returned = np.bincount(at[~bought], minlength=count)
    last, first = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(last, at[bought], days[bought])
    np.maximum.at(first, at[bought], days[bought])
    since = np.full(count, _MOST_SINCE)
    np.minimum.at(since, at[bought], numbers[bought].astype(np.float64))
    newest = np.flatnonzero(bought)[::-1]
    pieces = np.zeros(count)
    pieces[at[newest]] = purchases.pieces[newest]  # the newest entry is written last
    decayed = [
        np.bincount(at[bought], np.exp2(-days[bought] / half_life), minlength=count)
        for half_life in HALF_LIVES_DAYS
    ]
    owners = pairs >> USER_SHIFT
    n_baskets = np.zeros(n_users)
    np.maximum.at(n_baskets, purchases.owners[bought], numbers[bought] + 1.0)
    gap = np.maximum((first - last) / np.maximum(times - 1, 1), 1.0)
    again = times > 1
    due = np.where(again, np.minimum(last / gap, _MOST_DUE), _NOT_DUE)
    had = times > 0
    rows = [
        np.log1p(times),
        np.log1p(pieces),
        returned,
        *decayed,
        np.log1p(np.where(had, last, NEVER_DAYS)),
        np.log1p(np.where(had, first, NEVER_DAYS)),
        np.minimum(since, _MOST_SINCE),
        due,
        times / np.maximum(n_baskets[owners], 1.0),
    ]
    return Past(
        pairs,
        owners,
        pairs - (owners << USER_SHIFT),
        np.stack(rows).astype(np.float32),
        _of_users(owners, times, first, last, n_baskets),
        last,
    )


def _basket_numbers(purchases: Purchases, bought: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(entries,) 0 for those of a user's newest basket, 1 for the one before; of returns, any."""
    numbers = np.zeros(len(purchases.owners), np.int64)
    rows = np.flatnonzero(bought)
    if not len(rows):
        return numbers
    owners, ages = purchases.owners[rows], purchases.ages_ms[rows]
    begins = firsts(owners)
    pauses = np.diff(ages, prepend=ages[0]) > SESSION_MS
    running = np.cumsum(pauses & ~begins)
    numbers[rows] = running - np.repeat(
        running[begins], np.diff(np.flatnonzero(begins), append=len(rows))
    )
    return numbers


def _of_users(
    owners: NDArray[np.int64],
    times: NDArray[np.float64],
    first: NDArray[np.float64],
    last: NDArray[np.float64],
    n_baskets: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(len(USER_FEATURES), B)."""
    n_users = len(n_baskets)
    lines = np.bincount(owners, times, minlength=n_users)
    distinct = np.bincount(owners, times > 0, minlength=n_users)
    away, since = np.full(n_users, np.inf), np.zeros(n_users)
    np.minimum.at(away, owners, last)
    np.maximum.at(since, owners, first)
    away = np.where(n_baskets > 0, away, NEVER_DAYS)
    pauses = np.maximum(n_baskets - 1, 1)
    interval = np.where(n_baskets > 1, np.maximum(since - away, 0) / pauses, 60.0)
    found = [
        np.log1p(n_baskets),
        np.log1p(lines / np.maximum(n_baskets, 1)),
        (lines - distinct) / np.maximum(lines, 1),
        np.log1p(interval),
        np.log1p(away),
        np.log1p(distinct),
    ]
    return np.stack(found).astype(np.float32)
