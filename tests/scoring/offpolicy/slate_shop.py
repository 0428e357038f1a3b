"""A slate bandit small enough to go through all its lists: truths in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

Rewards = Callable[[Sequence[int]], list[float]]


def plackett_luce(scores: Sequence[float], temperature: float, items: Sequence[int]) -> list[float]:
    """The probability of each item of a list given those above it."""
    left, found = list(range(len(scores))), []
    for item in items:
        total = sum(math.exp(scores[each] / temperature) for each in left)
        found.append(math.exp(scores[item] / temperature) / total)
        left.remove(item)
    return found


def independent(items: Sequence[int]) -> list[float]:
    """An item and its rank are all that matters."""
    return [(0.9 - 0.15 * item) / (rank + 1) for rank, item in enumerate(items)]


def cascade(items: Sequence[int]) -> list[float]:
    """The more was good above, the less is looked for below."""
    found, attention = [], 1.0
    for item in items:
        found.append(attention * (0.8 - 0.15 * item))
        attention *= 0.2 + 0.18 * item
    return found


def entangled(items: Sequence[int]) -> list[float]:
    """What stands below matters, too."""
    return [(0.9 - 0.15 * item) * (1.0 if item < items[-1] else 0.3) for item in items]


@dataclass(frozen=True)
class Shop:
    """All lists of K of C items, with their probabilities under two policies."""

    scores: tuple[float, ...] = (1.0, 0.2, 0.6, -0.3)
    n_ranks: int = 3
    logged_at: float = 0.9
    wanted_at: float = 0.4

    @property
    def lists(self) -> list[tuple[int, ...]]:
        return list(permutations(range(len(self.scores)), self.n_ranks))

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        """(L, K) of each item of each list given those above it."""
        return np.array([plackett_luce(self.scores, temperature, each) for each in self.lists])

    @property
    def logged(self) -> NDArray[np.float64]:
        return self.probabilities(self.logged_at)

    @property
    def wanted(self) -> NDArray[np.float64]:
        return self.probabilities(self.wanted_at)

    def marginals(self, temperature: float) -> NDArray[np.float64]:
        """(K, C) probability of each item at each rank."""
        found = np.zeros((self.n_ranks, len(self.scores)))
        for items, ps in zip(self.lists, self.probabilities(temperature), strict=True):
            for rank, item in enumerate(items):
                found[rank, item] += math.prod(ps)
        return found

    def rewards(self, model: Rewards) -> NDArray[np.float64]:
        """(L, K)."""
        return np.array([model(each) for each in self.lists])

    def truth(self, model: Rewards) -> float:
        """What the target earns a list."""
        return math.fsum(
            math.prod(ps) * sum(model(each))
            for each, ps in zip(self.lists, self.wanted.tolist(), strict=True)
        )
