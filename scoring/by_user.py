"""Means with intervals where the users are what was drawn, and not their lists or events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of a population of users, from some of them.

    Attributes:
        value: The figure; nan where there is no user.
        error: Its standard error; nan below two users.
        n_users: How many users it was seen on.
    """

    value: float
    error: float
    n_users: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, by Student's t with `n_users` - 1 degrees of freedom; nan below two users."""
        from scipy.special import stdtrit

        if self.n_users < 2:
            return math.nan, math.nan
        half = float(stdtrit(self.n_users - 1, (1 + CONFIDENCE) / 2)) * self.error
        return self.value - half, self.value + half

    def minus(self, other: Self) -> Difference:
        """How much higher this is than another figure, seen on other users."""
        return Difference(self, other)


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure less another of users who are not the same (Welch 1947).

    Attributes:
        one: Is compared.
        other: It is compared with this one.
    """

    one: Estimate
    other: Estimate

    @property
    def value(self) -> float:
        """The difference."""
        return self.one.value - self.other.value

    @property
    def interval(self) -> tuple[float, float]:
        """95 %; (nan, nan) where one side has fewer than two users."""
        from scipy.special import stdtrit

        if min(self.one.n_users, self.other.n_users) < 2:
            return math.nan, math.nan
        parts = [side.error**2 for side in (self.one, self.other)]
        total = sum(parts)
        if total == 0:
            return self.value, self.value
        sides = zip(parts, (self.one, self.other), strict=True)
        freedom = total**2 / sum(part**2 / (side.n_users - 1) for part, side in sides)
        half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(total)
        return self.value - half, self.value + half


def mean_by_user(
    values: ArrayLike, users: Sequence[object], sizes: ArrayLike | None = None
) -> Estimate:
    """Sum of the values over that of the sizes, with the error of having just these users.

    A user's rows are alike, so their number says less than that of the users. The error is that of
    the ratio of two means over users, linearised: with R = sum Y_u / sum N_u its square is
    U / (U - 1) * sum (Y_u - R N_u)^2 / (sum N_u)^2 (delta method; Deng, Knoblich & Lu, KDD 2018,
    section 3). It is asymptotic in the number of users: below some thirty it is too small.

    Args:
        values: (n,) of each row; nan = this row says nothing, and is left out.
        users: (n,) whose row.
        sizes: (n,) at least 0, what the sum is divided by; None = the number of rows.
    """
    rows = np.asarray(values, np.float64)
    weights = np.ones(len(rows)) if sizes is None else np.asarray(sizes, np.float64)
    numbers: dict[object, int] = {}
    codes = np.array([numbers.setdefault(user, len(numbers)) for user in users], np.int64)
    says = ~np.isnan(rows)
    _, codes = np.unique(codes[says], return_inverse=True)
    sums = np.bincount(codes, rows[says])
    counts = np.bincount(codes, weights[says])
    total, n_users = counts.sum(), len(sums)
    if not total:
        return Estimate(math.nan, math.nan, n_users)
    value = float(sums.sum() / total)
    if n_users < 2:
        return Estimate(value, math.nan, n_users)
    spread = float(((sums - value * counts) ** 2).sum())
    return Estimate(value, math.sqrt(n_users / (n_users - 1) * spread) / float(total), n_users)
