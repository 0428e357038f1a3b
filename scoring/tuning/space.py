"""Which numbers of a policy may be looked for, and between what: a cube of side 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import PolicyError
from scoring.policy import DAY_MS, MINUTE_MS, Policy


@dataclass(frozen=True, slots=True)
class Range:
    """Values that a number may have.

    Attributes:
        low: The least.
        high: The greatest.
        bend: 1 = all parts are looked at alike; 2 = more at small ones, as for a weight, of which 0
            switches a term off; 0 = by orders of magnitude.
    """

    low: float
    high: float
    bend: int = 1

    def at(self, place: float) -> float:
        """The value at a place from 0 to 1, in three digits: what is tried is what is written."""
        if self.bend:
            value = self.low + (self.high - self.low) * place**self.bend
        else:
            value = self.low * (self.high / self.low) ** place
        return float(f"{value:.3g}")

    def place(self, value: float) -> float:
        """Where a value is, 0 to 1; the nearest end for one outside."""
        value = min(max(value, self.low), self.high)
        if self.bend:
            return float(((value - self.low) / (self.high - self.low)) ** (1 / self.bend))
        return math.log(value / self.low) / math.log(self.high / self.low)


RANGES: Final[Mapping[str, Range]] = {
    "weight_short_term": Range(0, 4, 2),
    "weight_long_term": Range(0, 4, 2),
    "weight_search": Range(0, 8, 2),
    "weight_popularity": Range(0, 4, 2),
    "weight_repeat": Range(0, 4, 2),
    "weight_related": Range(0, 4, 2),
    "weight_ctr": Range(0, 4, 2),
    "weight_engagement": Range(0, 4, 2),
    "weight_cvr": Range(0, 4, 2),
    "weight_relevance": Range(0, 8, 2),
    "short_half_life_ms": Range(MINUTE_MS, 7 * DAY_MS, 0),
    "long_half_life_ms": Range(DAY_MS, 365 * DAY_MS, 0),
    "centroid_share": Range(0, 1),
    "relevance_share": Range(0.3, 1),
}
"""Numbers that can be looked for. What changes how long a list or its making takes is not there."""


class Space:
    """Some of these numbers, in an order.

    Attributes:
        names: D names.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Choose.

        Raises:
            PolicyError: A name that cannot be looked for.
        """
        if unknown := [name for name in names if name not in RANGES]:
            raise PolicyError(f"{unknown[0]} cannot be tuned; these can: {', '.join(RANGES)}")
        self.names = tuple(dict.fromkeys(names))
        self._ranges = [RANGES[name] for name in self.names]

    def __len__(self) -> int:
        """D."""
        return len(self.names)

    def numbers(self, point: NDArray[np.float64]) -> dict[str, float]:
        """(D,) a point in the cube -> numbers of a policy."""
        pairs = zip(self.names, self._ranges, point.tolist(), strict=True)
        return {name: each.at(place) for name, each, place in pairs}

    def point(self, numbers: Mapping[str, float]) -> NDArray[np.float64]:
        """Numbers -> (D,) the point nearest to them."""
        pairs = zip(self.names, self._ranges, strict=True)
        return np.array([each.place(numbers[name]) for name, each in pairs])

    def of(self, policy: Policy) -> dict[str, float]:
        """These numbers of a policy, as they are, whatever the ranges."""
        return {name: float(getattr(policy, name)) for name in self.names}
