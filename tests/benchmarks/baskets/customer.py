"""What a customer's past says of each item, at one moment."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.baskets.log import DAY_MS, Basket

NEVER_DAYS = 400.0
HALF_LIVES_DAYS = (14.0, 45.0, 90.0)


@dataclass(slots=True)
class Customer:
    """One customer's purchases so far.

    Attributes:
        moments: When they bought.
        times: Item -> when it was bought, ascending.
        pieces: Item -> pieces bought last.
        returned: Item -> times it came back.
        n_items: Items of all baskets.
        n_again: Those of them that they had bought before.
    """

    moments: list[int] = field(default_factory=list)
    times: dict[int, list[int]] = field(default_factory=dict)
    pieces: dict[int, float] = field(default_factory=dict)
    returned: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    n_items: int = 0
    n_again: int = 0

    def observe(self, basket: Basket) -> None:
        """A basket was bought, or came back."""
        if basket.is_return:
            for item in basket.items.tolist():
                self.returned[item] += 1
            return
        if self.moments:
            self.n_again += sum(item in self.times for item in basket.items.tolist())
        self.n_items += len(basket.items)
        self.moments.append(basket.at_ms)
        for item, pieces in zip(basket.items.tolist(), basket.quantities.tolist(), strict=True):
            self.times.setdefault(item, []).append(basket.at_ms)
            self.pieces[item] = pieces

    @property
    def own(self) -> NDArray[np.int64]:
        """Items that were bought."""
        return np.array(list(self.times), np.int64)

    def of_items(self, n_items: int, now_ms: int) -> dict[str, NDArray[np.float32]]:
        """(N,) a feature: how often, how lately and how regularly each item was bought."""
        found = {name: np.zeros(n_items, np.float32) for name in ("times", "pieces", "returned")}
        for half_life in HALF_LIVES_DAYS:
            found[f"decayed_{half_life:.0f}d"] = np.zeros(n_items, np.float32)
        last = np.full(n_items, NEVER_DAYS, np.float32)
        first = np.full(n_items, NEVER_DAYS, np.float32)
        since = np.full(n_items, 20.0, np.float32)
        due = np.full(n_items, -1.0, np.float32)
        moments = np.array(self.moments)
        for item, times in self.times.items():
            days = (now_ms - np.array(times)) / DAY_MS
            found["times"][item] = len(times)
            found["pieces"][item] = np.log1p(self.pieces[item])
            for half_life in HALF_LIVES_DAYS:
                found[f"decayed_{half_life:.0f}d"][item] = np.exp2(-days / half_life).sum()
            last[item], first[item] = days[-1], days[0]
            since[item] = min((moments > times[-1]).sum(), 20)
            if len(times) > 1:
                gap = (days[0] - days[-1]) / (len(times) - 1)
                due[item] = min(days[-1] / max(gap, 1.0), 10.0)
        for item, count in self.returned.items():
            found["returned"][item] = count
        found["share_of_baskets"] = found["times"] / np.float32(max(len(self.moments), 1))
        found["times"] = np.log1p(found["times"])
        found |= {"days_since_last": np.log1p(last), "days_since_first": np.log1p(first)}
        return found | {"baskets_since": since, "due": due}

    def of_all(self, now_ms: int) -> dict[str, float]:
        """Features that are the same for every item."""
        n, moments = len(self.moments), self.moments
        return {
            "n_baskets": np.log1p(n),
            "basket_size": np.log1p(self.n_items / max(n, 1)),
            "share_again": self.n_again / max(self.n_items, 1),
            "interval": np.log1p((moments[-1] - moments[0]) / DAY_MS / (n - 1) if n > 1 else 60),
            "days_away": np.log1p((now_ms - moments[-1]) / DAY_MS if n else NEVER_DAYS),
            "n_own": np.log1p(len(self.times)),
        }
