"""How sure an estimate is: bootstrap, t and empirical Bernstein, all by independent groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from scoring.offpolicy.terms import Floats, Terms


@dataclass(frozen=True, slots=True)
class Interval:
    """Two bounds; NaN where there is nothing to go by.

    Attributes:
        low: Lower bound.
        high: Upper bound.
    """

    low: float
    high: float

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low


def standard_error(terms: Terms) -> float:
    """Of the estimate, by the delta method; NaN for fewer than two rows. Rows are independent."""
    n = len(terms.numerators)
    if n < 2:
        return math.nan
    return float(terms.influences().std(ddof=1)) / math.sqrt(n)


def t_interval(terms: Terms, confidence: float = 0.95) -> Interval:
    """Value ± t_{n−1} · standard error (Student 1908).

    With heavy weights the rare rows that would move the estimate are often not in the log: the
    estimate and its error are then both too small, so that the *upper* bound is too low. Whoever
    promotes by the lower bound errs to the safe side.

    Args:
        terms: Rows are independent: group by user first.
        confidence: Of both bounds together, 0 to 1.
    """
    half = float(stdtrit(len(terms.numerators) - 1, (1 + confidence) / 2)) * standard_error(terms)
    return Interval(terms.value - half, terms.value + half)


def bootstrap(several: Sequence[Terms], *, n_samples: int = 1_000, seed: int = 0) -> Floats:
    """(n_samples, E) values of E estimates when their rows are drawn again, the same rows for all.

    Efron 1979. Known to be too optimistic where few rows carry most of the weight: it can draw
    again only what it has seen. `t_interval` stands beside it, and the wider one is what counts.

    Args:
        several: E estimates over the same n independent rows.
        n_samples: How often.
        seed: The same draws each time.
    """
    n = len(several[0].numerators)
    both = np.concatenate(
        [part for t in several for part in (t.numerators, t.denominators)], axis=1
    )
    draw = np.random.default_rng(seed)
    sums = np.empty((n_samples, both.shape[1]))
    for at in range(n_samples):
        counts = np.bincount(draw.integers(0, n, n), minlength=n)
        sums[at] = counts @ both
    found = np.empty((n_samples, len(several)))
    start = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        for column, terms in enumerate(several):
            width = terms.numerators.shape[1]
            middle, end = start + width, start + 2 * width
            found[:, column] = (sums[:, start:middle] / sums[:, middle:end]).sum(axis=1)
            start = end
    return found


def percentiles(values: Floats, confidence: float = 0.95) -> Interval:
    """The middle part of (n_samples,) bootstrapped values; NaN had no weight left, and is none."""
    kept = values[~np.isnan(values)]
    if not len(kept):
        return Interval(math.nan, math.nan)
    low, high = np.quantile(kept, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(float(low), float(high))


def empirical_bernstein(
    values: Floats, least: float, most: float, confidence: float = 0.95
) -> Interval:
    """Mean ± sqrt(2 V ln(4/δ) / n) + 7 (b − a) ln(4/δ) / (3 (n − 1)), V the sample variance.

    Maurer & Pontil, COLT 2009, theorem 4, two-sided; for clipped IPS in Thomas, Theocharous &
    Ghavamzadeh, AAAI 2015. It holds at every n, whatever the distribution, and is wide for it. It
    bounds the mean of these bounded values: of clipped IPS, which may be below what the policy
    earns.

    Args:
        values: (n,) independent, n at least 2.
        least: a, no value is below.
        most: b, no value is above.
        confidence: 1 − δ.
    """
    n = len(values)
    if n < 2:
        return Interval(math.nan, math.nan)
    log = math.log(4 / (1 - confidence))
    spread = math.sqrt(2 * float(values.var(ddof=1)) * log / n)
    half = spread + 7 * (most - least) * log / (3 * (n - 1))
    middle = float(values.mean())
    return Interval(middle - half, middle + half)


def widest(intervals: Sequence[Interval]) -> Interval:
    """From the lowest lower bound to the highest upper one; NaN where any is."""
    low = np.min([each.low for each in intervals])
    high = np.max([each.high for each in intervals])
    return Interval(float(low), float(high))
