"""What every estimator gives: sums over lists whose ratios are the estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """An estimate as a sum of R ratios of sums over n lists.

    A plain mean has R = 1 and denominators of 1; a self-normalised one has its weights there. In
    this form one bootstrap, one standard error and one grouping by user do for all estimators.

    Attributes:
        numerators: (n, R).
        denominators: (n, R); no column's sum is 0.
    """

    numerators: Floats
    denominators: Floats

    @classmethod
    def mean(cls, values: Floats) -> Terms:
        """Of (n,) values, one a list."""
        return cls(values[:, None], np.ones((len(values), 1)))

    @property
    def value(self) -> float:
        """The estimate; NaN where a ratio has nothing below its line."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = self.numerators.sum(axis=0) / self.denominators.sum(axis=0)
        return float(ratios.sum())

    def by_group(self, groups: NDArray[np.int64]) -> Terms:
        """The same estimate from one row a group, for lists of one user are not independent.

        Args:
            groups: (n,) codes from 0.
        """
        n_groups = int(groups.max(initial=-1)) + 1
        return Terms(
            _summed(self.numerators, groups, n_groups), _summed(self.denominators, groups, n_groups)
        )

    def influences(self) -> Floats:
        """(n,) how far each row moves the estimate, times n: the delta method's linear part.

        Its mean is 0 and its variance over n is that of the estimate, up to O(1 / n^2)
        (van der Vaart 1998, Asymptotic Statistics, chapter 20).
        """
        totals = self.denominators.sum(axis=0)  # (R,)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = self.numerators.sum(axis=0) / totals
            each = (self.numerators - ratios * self.denominators) / (totals / len(self.numerators))
        found: Floats = each.sum(axis=1)
        return found


def _summed(rows: Floats, groups: NDArray[np.int64], n_groups: int) -> Floats:
    return np.stack([np.bincount(groups, column, n_groups) for column in rows.T], axis=1)
