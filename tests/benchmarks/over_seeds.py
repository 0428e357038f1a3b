"""A measure of several seeds, as a cell of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student


def shown(values: Sequence[float], sign: str = "") -> str:
    """Mean ± half its 95 % interval, by Student's t.

    Args:
        values: Of each seed.
        sign: "+" = always with its sign, as a difference is written.
    """
    n = len(values)
    half = student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return f"{np.mean(values):{sign}.4f} ± {half:.4f}"
