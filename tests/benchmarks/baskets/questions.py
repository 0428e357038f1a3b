"""The log, walked once in order of time: features of the candidates of every asked basket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.baskets.customer import Customer
from tests.benchmarks.baskets.log import DAY_MS, Basket, Log
from tests.benchmarks.baskets.shop import Shop
from tests.benchmarks.baskets.tables import Tables

_SOURCES: Final = {
    "following": 120,
    "customers": 80,
    "customers_30d": 80,
    "baskets_30d": 60,
    "alike": 120,
    "text": 40,
    "trend_3d": 100,
    "trend_14d": 150,
    "trend_country": 60,
    "given_baskets": 120,
    "given_customers": 80,
    "given_text": 60,
}
"""How many candidates the best by a feature bring; a customer's own items come besides."""


@dataclass(frozen=True, slots=True)
class Questions:
    """G lists to make, of M candidates in all.

    Attributes:
        names: F features.
        features: (M, F) float16.
        items: (M,) candidates.
        wanted: (M,) True where the basket held it.
        new: (M,) True where the customer had not bought it before.
        starts: (G + 1,) list g has the candidates starts[g] to starts[g + 1].
        n_wanted: (G,) items of the basket, candidates or not.
        n_wanted_new: (G,) those that the customer had not bought before.
        n_before: (G,) baskets that the customer had bought before.
    """

    names: list[str]
    features: NDArray[np.float16]
    items: NDArray[np.int32]
    wanted: NDArray[np.bool_]
    new: NDArray[np.bool_]
    starts: NDArray[np.int64]
    n_wanted: NDArray[np.int64]
    n_wanted_new: NDArray[np.int64]
    n_before: NDArray[np.int64]

    def column(self, name: str) -> NDArray[np.float32]:
        """(M,) one feature."""
        return self.features[:, self.names.index(name)].astype(np.float32)


def ask(
    log: Log,
    tables: Tables,
    titles: NDArray[np.float32],
    period: tuple[int, int],
    half_given_seed: int | None,
    progress: Callable[[int], None],
) -> Questions:
    """Every basket of a period, predicted from all that came before it.

    Args:
        log: The whole year.
        tables: Learned from before the period.
        titles: (N, d) unit vectors of the items' titles.
        period: First moment, and the one after the last, in ms.
        half_given_seed: None = a basket's start is asked, with nothing of it known; otherwise half
            of its items, drawn with this seed, are known and the rest is asked.
        progress: Called with the number of baskets so far.
    """
    rng = np.random.default_rng(half_given_seed)
    shop = Shop(log.n_users, log.n_items)
    customers: defaultdict[int, Customer] = defaultdict(Customer)
    asked: list[tuple[Any, ...]] = []
    counts: list[tuple[int, int, int]] = []
    names: list[str] = []
    for basket in log.baskets:
        if basket.at_ms >= period[1]:
            break
        customer = customers[basket.user]
        had = np.array([item in customer.times for item in basket.items.tolist()])
        if not basket.is_return and basket.at_ms >= period[0]:
            given = np.empty(0, np.int64)
            if half_given_seed is not None:
                given = rng.permutation(basket.items)[: len(basket.items) // 2]
            if half_given_seed is None or len(basket.items) >= 2:
                wanted = ~np.isin(basket.items, given)
                features = _features(basket, customer, shop, tables, titles, given)
                names = list(features)
                found = _candidates(features, customer, shop, given)
                asked.append(
                    (
                        np.stack([features[name][found] for name in names], 1).astype(np.float16),
                        found.astype(np.int32),
                        np.isin(found, basket.items[wanted]),
                        features["times"][found] == 0,
                    )
                )
                n_new = int((wanted & ~had).sum())
                counts.append((int(wanted.sum()), n_new, len(customer.moments)))
                progress(len(asked))
        customer.observe(basket)
        if not basket.is_return:
            shop.observe(basket, had)
    columns: list[NDArray[Any]] = [np.concatenate(column) for column in zip(*asked, strict=True)]
    values, items, is_wanted, new = columns
    lengths = [len(each) for _, each, _, _ in asked]
    n_wanted, n_wanted_new, n_before = np.array(counts).T
    return Questions(
        names,
        values,
        items,
        is_wanted,
        new,
        np.concatenate([[0], np.cumsum(lengths)]),
        n_wanted,
        n_wanted_new,
        n_before,
    )


def _features(
    basket: Basket,
    customer: Customer,
    shop: Shop,
    tables: Tables,
    titles: NDArray[np.float32],
    given: NDArray[np.int64],
) -> dict[str, NDArray[np.float32]]:
    """F features, (N,) each."""
    n, now_ms = len(titles), basket.at_ms
    features = customer.of_items(n, now_ms) | shop.of_items(now_ms, basket.abroad)
    features |= _of_past(customer, shop, tables, titles, basket.user, now_ms)
    if len(given):
        features |= _of_given(tables, titles, given)
    same = customer.of_all(now_ms) | {"abroad": float(basket.abroad)}
    if len(given):
        same["n_given"] = np.log1p(len(given))
    return features | {name: np.full(n, value, np.float32) for name, value in same.items()}


def _of_past(
    customer: Customer,
    shop: Shop,
    tables: Tables,
    titles: NDArray[np.float32],
    user: int,
    now_ms: int,
) -> dict[str, NDArray[np.float32]]:
    """What a customer's past speaks for, by each table, by titles and by customers alike."""
    n, own = len(titles), customer.own
    if not len(own):
        names = ("customers", "customers_30d", "recent", "baskets_30d", "following", "alike")
        return {name: np.zeros(n, np.float32) for name in (*names, "text", "nearest_text")}
    days = np.array([(now_ms - times[-1]) / DAY_MS for times in customer.times.values()])
    weights = np.exp2(-days / 30.0).astype(np.float32)
    latest = own[np.argsort(days, kind="stable")[:400]]
    liked = weights @ titles[own]
    return {
        "customers": tables.customers[own].sum(axis=0),
        "customers_30d": weights @ tables.customers[own],
        "recent": tables.recent_customers[own[days < 100]].sum(axis=0),
        "baskets_30d": weights @ tables.baskets[own],
        "following": weights / np.linalg.norm(weights) @ tables.following[own],
        "alike": shop.of_alike(user, now_ms),
        "text": titles @ (liked / (np.linalg.norm(liked) + 1e-9)),
        "nearest_text": (titles @ titles[latest].T).max(axis=1),
    }


def _of_given(
    tables: Tables, titles: NDArray[np.float32], given: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """What the known part of a basket speaks for."""
    liked = titles[given].sum(axis=0)
    return {
        "given_baskets": tables.baskets[given].sum(axis=0),
        "given_customers": tables.customers[given].sum(axis=0),
        "given_recent": tables.recent_customers[given].sum(axis=0),
        "given_best": tables.baskets[given].max(axis=0),
        "given_text": titles @ (liked / (np.linalg.norm(liked) + 1e-9)),
        "given_nearest_text": (titles @ titles[given].T).max(axis=1),
    }


def _candidates(
    features: dict[str, NDArray[np.float32]],
    customer: Customer,
    shop: Shop,
    given: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Items worth ranking: the best by each source and the customer's own, ever sold, not given."""
    chosen = np.zeros(len(features["price"]), np.bool_)
    chosen[customer.own] = True
    for name, most in _SOURCES.items():
        known = name.startswith(("trend", "given")) or len(customer.moments) > 0
        if name in features and known:
            chosen[np.argpartition(-features[name], most)[:most]] = True
    chosen &= shop.sold
    chosen[given] = False
    return np.flatnonzero(chosen)
