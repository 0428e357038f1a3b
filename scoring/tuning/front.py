"""The Pareto front: what is not beaten in everything by another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def is_front(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, m) figures, more is better -> (n,) True where no row is as good in all and better in one.

    Of equal rows the first stays.
    """
    n = len(values)
    found = np.ones(n, np.bool_)
    for row in range(n):
        as_good = (values >= values[row]).all(axis=1)
        better = (values > values[row]).any(axis=1)
        same = ~better & as_good
        found[row] = not ((as_good & better).any() or same[:row].any())
    return found
