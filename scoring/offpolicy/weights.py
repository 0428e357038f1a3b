"""What weights say of themselves: how many lists they are worth, and if they can be true."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.intervals import Interval, t_interval
from scoring.offpolicy.terms import Floats, Terms


def effective_size(weights: Floats) -> float:
    """(Σ w)² / Σ w²: as many equally weighted rows would be as sure (Kish 1965), 0 to n."""
    squares = float((weights * weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Control:
    """The mean of the weights, which is 1 whenever propensities are right and there is support.

    (Li, Chen, Kleban & Gupta, WWW 2015: the arithmetic test.)

    Attributes:
        mean: Of the weights.
        interval: 99.9 % of it.
    """

    mean: float
    interval: Interval

    @property
    def holds(self) -> bool:
        """Whether 1 is in the interval.

        Below it: the target does what was never logged, or rare weights are not in the log; above
        it: logged propensities are too small.
        """
        if math.isnan(self.interval.low):
            return False
        return self.interval.low <= 1 <= self.interval.high or abs(self.mean - 1) < 1e-9


def control(weights: Floats, groups: NDArray[np.int64]) -> Control:
    """Check (n,) weights; groups are the (n,) codes of users, who are independent."""
    terms = Terms.mean(weights).by_group(groups)
    return Control(terms.value, t_interval(terms, 0.999))
