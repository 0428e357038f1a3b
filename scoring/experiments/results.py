"""What came of an experiment: figures by variant, differences to the first, and what they prove."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scoring.by_user import Difference, Estimate, mean_by_user
from scoring.experiments.sample_ratio import SampleRatio, sample_ratio

FEWEST_USERS: Final = 30
"""In each variant: with fewer, an interval that rests on their number being large says nothing."""

MEASURES: Final[Mapping[str, tuple[str, str | None]]] = {
    "answered lists": ("answered", "lists"),
    "clicks a user": ("clicks", None),
    "carts a user": ("carts", None),
    "purchases a user": ("purchases", None),
    "revenue a user": ("revenue", None),
}
"""Name -> what is summed, and what the sum is divided by; None = the number of users."""

Verdict = Literal["higher", "lower", "not enough evidence", "not to be trusted"]


@dataclass(slots=True)
class Outcomes:
    """What is known of one user of an experiment, who is what was drawn.

    Attributes:
        variant: Of all of their lists.
        first_ms: Event time of the first of these; only what happened later is counted.
        lists: How many were published.
        answered: How many of these a click, cart or purchase names.
        clicks: Views and clicks.
        carts: Things put into the cart.
        purchases: Bought.
        revenue: Prices times quantities of these less those of returns, where prices are known.
    """

    variant: str
    first_ms: int
    lists: int = 0
    answered: int = 0
    clicks: int = 0
    carts: int = 0
    purchases: int = 0
    revenue: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of one variant.

    Attributes:
        measure: Its name.
        variant: Its name.
        estimate: With its interval over users.
        difference: To the first variant; None for that itself.
        verdict: What the difference proves; None for the first variant.
    """

    measure: str
    variant: str
    estimate: Estimate
    difference: Difference | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Results:
    """Of one experiment.

    Attributes:
        ratio: Whether the variants have the users that they should have.
        rows: Measure by measure, variant by variant.
    """

    ratio: SampleRatio
    rows: Sequence[Row]


def results(users: Mapping[str, Outcomes], shares: Mapping[str, float]) -> Results:
    """Compare the variants.

    Everyone who got a list counts, whatever they did with it; an interval is one of 95 % for one
    difference looked at once: who looks daily, or at twenty figures, finds something by chance.

    Args:
        users: Of these variants.
        shares: Variant -> its share; the first is what the others are compared with.
    """
    by_variant: dict[str, list[Outcomes]] = {name: [] for name in shares}
    for outcomes in users.values():
        by_variant[outcomes.variant].append(outcomes)
    ratio = sample_ratio([len(each) for each in by_variant.values()], list(shares.values()))
    rows: list[Row] = []
    for measure in MEASURES:
        estimates = {name: _estimate(measure, each) for name, each in by_variant.items()}
        first, *_ = estimates.values()
        for place, (name, estimate) in enumerate(estimates.items()):
            difference = estimate.minus(first) if place else None
            verdict = None if difference is None else _verdict(difference, ratio)
            rows.append(Row(measure, name, estimate, difference, verdict))
    return Results(ratio, rows)


def _estimate(measure: str, users: Sequence[Outcomes]) -> Estimate:
    of, over = MEASURES[measure]
    sums = [getattr(each, of) for each in users]
    sizes = None if over is None else [getattr(each, over) for each in users]
    return mean_by_user(sums, range(len(users)), sizes)


def _verdict(difference: Difference, ratio: SampleRatio) -> Verdict:
    if ratio.is_mismatch:
        return "not to be trusted"
    low, high = difference.interval
    few = min(difference.one.n_users, difference.other.n_users) < FEWEST_USERS
    if few or math.isnan(low) or low <= 0 <= high:
        return "not enough evidence"
    return "higher" if low > 0 else "lower"
