"""Two models on the same questions: the difference, with an interval over queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SAMPLES: Final = 1_000

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
        members: dict[str, list[int]] = {}
        for row, group in enumerate(self.groups):
            members.setdefault(group, []).append(row)
        rows = [np.array(each) for each in members.values()]
        draw = np.random.default_rng(0)
        apart = []
        for _ in range(_SAMPLES):
            some = np.concatenate([rows[i] for i in draw.integers(len(rows), size=len(rows))])
            apart.append(self.statistic(self.ours, some) - self.statistic(self.theirs, some))
        low, high = np.quantile(apart, (0.025, 0.975))
        everything = np.arange(len(self.groups))
        ours, theirs = (self.statistic(each, everything) for each in (self.ours, self.theirs))
        return ours - theirs, float(low), float(high)

    def shown(self) -> str:
        """The measure; and the difference, where there is one."""
        value = self.statistic(self.ours, np.arange(len(self.groups)))
        if np.array_equal(self.ours, self.theirs):
            return f"{value:.3f}"
        change, low, high = self.difference()
        return f"{value:.3f} ({change:+.3f}: {low:+.3f} to {high:+.3f})"
