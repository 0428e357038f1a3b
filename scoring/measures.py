"""Measures of rankings and decisions, on plain arrays. Ties count half, as they should."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """(n,) -> (n,) ranks from 1; equal values share the mean of their ranks."""
    _, group, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: NDArray[np.float64] = (last - (counts - 1) / 2)[group]
    return means


def auc(scores: ArrayLike, is_yes: ArrayLike) -> float:
    """P(score of a yes > score of a no) (Hanley & McNeil 1982); nan if one is missing."""
    yes = np.asarray(is_yes, dtype=bool)
    n_yes, n_no = int(yes.sum()), int((~yes).sum())
    if not n_yes or not n_no:
        return float("nan")
    above = ranks(scores)[yes].sum() - n_yes * (n_yes + 1) / 2
    return float(above / (n_yes * n_no))


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Correlation of ranks; nan where one side is constant, and without rows."""
    a, b = ranks(first), ranks(second)
    if not len(a):
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else float("nan")


def mean_within(groups: Sequence[str], first: ArrayLike, second: ArrayLike) -> float:
    """Mean Spearman correlation over groups in which both sides vary; nan where there is none."""
    a, b = np.asarray(first), np.asarray(second)
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    found = [spearman(a[rows], b[rows]) for rows in members.values() if len(rows) > 1]
    known = [value for value in found if value == value]
    return sum(known) / len(known) if known else float("nan")


def reciprocal_ranks(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, n) scores, the right one on the diagonal -> (n,) 1 / its rank; ties count half."""
    right = np.diagonal(scores)[:, None]
    ahead = (scores > right).sum(axis=1) + ((scores == right).sum(axis=1) - 1) / 2
    found: NDArray[np.float64] = 1 / (1 + ahead)
    return found


def calibration_gap(chances: ArrayLike, happened: ArrayLike, n_bins: int = 15) -> float:
    """Expected calibration error over bins of equally many rows; nan without rows.

    Mean over rows of |mean chance - share that happened| in their bin (Naeini, Cooper & Hauskrecht,
    AAAI 2015, whose bins are of equal width: these would put all rare events into one).

    Args:
        chances: (n,) in [0, 1].
        happened: (n,) 0 or 1.
        n_bins: So many at most; equal chances may be in two.
    """
    expected, real = np.asarray(chances, np.float64), np.asarray(happened, np.float64)
    if not len(expected):
        return float("nan")
    order = np.argsort(expected, kind="stable")
    bins = np.array_split(order, min(n_bins, len(order)))
    gaps = [abs(expected[rows].sum() - real[rows].sum()) for rows in bins]
    return float(sum(gaps) / len(order))
