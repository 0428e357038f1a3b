"""Two models on the same questions: the difference, with an interval over queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.resampling import bounds_by_group

Floats = NDArray[np.float64]
Statistic = Callable[[Floats, NDArray[np.int64]], float]
"""(n,) values and the rows that are drawn of them -> a measure."""


@dataclass(frozen=True, slots=True)
class Values:
    """What two models said of the same n rows.

    Attributes:
        groups: (n) query of each row; rows of a query are drawn together.
        ours: (n,).
        theirs: (n,) of the model that it is compared with.
        statistic: What is measured.
    """

    groups: Sequence[str]
    ours: Floats
    theirs: Floats
    statistic: Statistic

    def difference(self) -> tuple[float, float, float]:
        """Ours less theirs, and its 95 % bootstrap interval (1,000 draws of the queries)."""
        low, high = bounds_by_group(self._apart, self.groups)
        return self._apart(np.arange(len(self.groups))), low, high

    def shown(self) -> str:
        """The measure; and the difference, where there is one."""
        value = self.statistic(self.ours, np.arange(len(self.groups)))
        if np.array_equal(self.ours, self.theirs):
            return f"{value:.3f}"
        change, low, high = self.difference()
        return f"{value:.3f} ({change:+.3f}: {low:+.3f} to {high:+.3f})"

    def _apart(self, some: NDArray[np.int64]) -> float:
        return self.statistic(self.ours, some) - self.statistic(self.theirs, some)
