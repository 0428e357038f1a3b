"""How far a measure moves when its rows are drawn again: the bootstrap of the tables."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def bounds(measure: Callable[[Ints], float], n: int, n_samples: int = 1_000) -> tuple[float, float]:
    """2.5 and 97.5 % of a measure of n row numbers, drawn with replacement; the same each time."""
    draw = np.random.default_rng(0)
    found = [measure(draw.integers(0, n, n)) for _ in range(n_samples)]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def bounds_by_group(
    measure: Callable[[Ints], float], groups: Sequence[Hashable]
) -> tuple[float, float]:
    """`bounds` where rows of a group belong together: groups are drawn, with all of their rows.

    Args:
        measure: Of row numbers.
        groups: (n) of each row.
    """
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    rows = [np.array(each) for each in members.values()]
    return bounds(lambda some: measure(np.concatenate([rows[i] for i in some])), len(rows))
