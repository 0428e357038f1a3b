"""What the whole shop's past says of each item, and customers who are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.baskets.log import DAY_MS, Basket

TREND_DAYS = (1.0, 3.0, 7.0, 14.0, 28.0, 90.0)
_ALIKE_HALF_LIFE_DAYS = 45.0


class Shop:
    """Decayed counts of N items, and the decayed purchases of U customers."""

    def __init__(self, n_users: int, n_items: int) -> None:
        self._trend = np.zeros((len(TREND_DAYS), n_items))
        self._by_country = np.zeros((2, n_items))
        self._at_ms = 0
        self._first = np.full(n_items, np.inf)
        self._latest = np.full(n_items, -np.inf)
        self._price = np.zeros(n_items, np.float32)
        self._buyers = np.zeros(n_items)
        self._again = np.zeros(n_items)
        self._bought = np.zeros((n_users, n_items), np.float32)
        self._bought_at = np.zeros(n_users)

    @property
    def sold(self) -> NDArray[np.bool_]:
        """(N,) what has been sold at all."""
        found: NDArray[np.bool_] = np.isfinite(self._first)
        return found

    def observe(self, basket: Basket, had_before: NDArray[np.bool_]) -> None:
        """A basket was bought; ``had_before`` (n,) tells which of its items the customer had."""
        self._decay_to(basket.at_ms)
        items, user = basket.items, basket.user
        self._trend[:, items] += 1
        self._by_country[int(basket.abroad), items] += 1
        self._first[items] = np.minimum(self._first[items], basket.at_ms)
        self._latest[items] = basket.at_ms
        self._price[items] = basket.prices
        self._again[items[had_before]] += 1
        self._buyers[items[~had_before]] += 1
        self._bought[user] *= self._faded(user, basket.at_ms)
        self._bought[user, items] += 1
        self._bought_at[user] = basket.at_ms

    def of_items(self, now_ms: int, abroad: bool) -> dict[str, NDArray[np.float32]]:
        """(N,) a feature: how much, how lately, at what price each item is sold."""
        self._decay_to(now_ms)
        trend = {days: row for days, row in zip(TREND_DAYS, self._trend, strict=True)}
        idle = np.minimum((now_ms - self._latest) / DAY_MS, 200.0)
        age = (now_ms - np.where(self.sold, self._first, now_ms)) / DAY_MS
        found = {f"trend_{days:.0f}d": np.log1p(row) for days, row in trend.items()}
        found |= {
            "rising_3d": np.log((trend[3.0] + 0.3) / (trend[28.0] * 3 / 28 + 0.3)),
            "rising_14d": np.log((trend[14.0] + 0.5) / (trend[90.0] * 14 / 90 + 0.5)),
            "trend_country": np.log1p(self._by_country[int(abroad)]),
            "age": np.log1p(age),
            "idle": np.log1p(idle),
            "missed_sales": np.log1p(idle * trend[14.0] / 14.0 * np.log(2)),
            "bought_again": self._again / (self._buyers + 5),
            "price": np.log1p(self._price),
        }
        return {name: values.astype(np.float32) for name, values in found.items()}

    def of_alike(self, user: int, now_ms: int, n: int = 80) -> NDArray[np.float32]:
        """(N,) what the n customers with the most similar purchases bought, decayed."""
        norms = np.linalg.norm(self._bought, axis=1) + 1e-9  # (U,)
        alike = self._bought @ self._bought[user] / norms / norms[user]
        alike[user] = 0.0
        nearest = np.argpartition(-alike, n)[:n]
        faded = np.array([self._faded(other, now_ms) for other in nearest])
        weighted = alike[nearest, None] * np.minimum(self._bought[nearest] * faded[:, None], 1)
        found: NDArray[np.float32] = weighted.sum(axis=0).astype(np.float32)
        return found

    def _faded(self, user: int, now_ms: int) -> float:
        days = (now_ms - self._bought_at[user]) / DAY_MS
        return float(np.exp2(-days / _ALIKE_HALF_LIFE_DAYS))

    def _decay_to(self, now_ms: int) -> None:
        days = (now_ms - self._at_ms) / DAY_MS
        if days > 0:
            self._trend *= np.exp2(-days / np.array(TREND_DAYS))[:, None]
            self._by_country *= np.exp2(-days / 14.0)
            self._at_ms = now_ms
