"""An evaluation: every estimator with its interval beside what the log itself earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.errors import EvidenceError
from scoring.offpolicy.estimators import MARGINAL, Estimate
from scoring.offpolicy.intervals import (
    Interval,
    bootstrap,
    percentiles,
    standard_error,
    t_interval,
    widest,
)
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.terms import Floats, Terms
from scoring.offpolicy.weights import Control, control, effective_size

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Row:
    """What one estimator says, a list.

    Attributes:
        name: Of the estimator.
        value: Reward of a list under the target.
        error: Standard error of it.
        interval: Of it: the wider of t and bootstrap, by user.
        gain: Value less what the log's policy earned.
        gain_interval: Of the gain; both change together, so it is narrower than their difference.
        effective: Lists that the weights are worth.
        effective_rewards: Rewarded lists that carry it: (Σ |w r|)² / Σ (w r)².
        control: Whether the weights can be true; the mean over ranks, by what each has earned.
    """

    name: str
    value: float
    error: float
    interval: Interval
    gain: float
    gain_interval: Interval
    effective: float
    effective_rewards: float
    control: Control


@dataclass(frozen=True, slots=True)
class Report:
    """What a log says of a target.

    Attributes:
        n_lists: That were reckoned with.
        n_users: Of them.
        n_rewarded: Lists that earned anything.
        excluded: Reason -> lists (or repeated rows) that were left out.
        simulated: Made up by a program.
        logged: Reward of a list as it was logged.
        logged_interval: Of it.
        differs: Whether the target makes any list, down to any of its ranks, with another
            probability than the log's policy.
        unsupported: Share of the target on what the log's policy could not do, the largest of all
            ranks; None where no records tell.
        rows: By estimator.
    """

    n_lists: int
    n_users: int
    n_rewarded: int
    excluded: Mapping[str, int]
    simulated: bool
    logged: float
    logged_interval: Interval
    differs: bool
    unsupported: float | None
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """Of one estimator.

        Raises:
            EvidenceError: It is not among them.
        """
        for each in self.rows:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.rows)
        raise EvidenceError(f"no estimate by {name!r} here: there are {known}")


def report(
    lists: LoggedLists,
    estimates: Sequence[Estimate],
    *,
    excluded: Mapping[str, int],
    unsupported: Floats | None = None,
    confidence: float = 0.95,
    n_samples: int = 1_000,
) -> Report:
    """Bring estimates together with their intervals.

    Args:
        lists: n of them.
        estimates: Over these lists.
        excluded: Reason -> lists that are not among them.
        unsupported: (n, K) share of the target on what the log's policy could not do; NaN where a
            list does not tell.
        confidence: Of each interval.
        n_samples: Of the bootstrap.

    Raises:
        EvidenceError: Fewer than two users: no interval can be had.
    """
    groups = lists.groups
    n_users = int(groups.max(initial=-1)) + 1
    if n_users < 2:
        raise EvidenceError(
            f"{len(lists)} lists of {n_users} users are left: an interval needs two users at least"
            + "".join(f"; left out: {count} ({reason})" for reason, count in excluded.items())
        )
    totals = lists.totals
    own = Terms.mean(totals)
    several = [own, *(each.terms for each in estimates)]
    several += [_less(each.terms, own) for each in estimates]
    grouped = [each.by_group(groups) for each in several]
    samples = bootstrap(grouped, n_samples=n_samples)
    intervals = [
        widest([t_interval(each, confidence), percentiles(column, confidence)])
        for each, column in zip(grouped, samples.T, strict=True)
    ]
    n = len(estimates)
    rows = [
        Row(
            name=each.name,
            value=each.terms.value,
            error=standard_error(grouped[1 + at]),
            interval=intervals[1 + at],
            gain=several[1 + n + at].value,
            gain_interval=intervals[1 + n + at],
            effective=each.effective,
            effective_rewards=effective_size(np.abs(_weighted(each, lists))),
            control=control(_over_ranks(each.weights, lists), groups),
        )
        for at, each in enumerate(estimates)
    ]
    return Report(
        n_lists=len(lists),
        n_users=n_users,
        n_rewarded=int((totals > 0).sum()),
        excluded=dict(excluded),
        simulated=lists.simulated,
        logged=own.value,
        logged_interval=intervals[0],
        differs=any(
            np.abs(each.weights - 1).max(initial=0) > _ROUNDING
            for each in estimates
            if each.name not in MARGINAL
        ),
        unsupported=None if unsupported is None else _largest_mean(unsupported),
        rows=tuple(rows),
    )


def _largest_mean(shares: Floats) -> float:
    """Of the columns of (n, K), each over its numbers; one without any has none."""
    told = ~np.isnan(shares)
    sums = np.where(told, shares, 0.0).sum(axis=0)
    return float((sums / np.maximum(told.sum(axis=0), 1)).max())


def _less(terms: Terms, own: Terms) -> Terms:
    """The difference of two estimates over the same rows."""
    return Terms(
        np.concatenate([terms.numerators, -own.numerators], axis=1),
        np.concatenate([terms.denominators, own.denominators], axis=1),
    )


def _over_ranks(weights: Floats, lists: LoggedLists) -> Floats:
    """(n,) weights of a list: the mean over ranks, by what each rank has earned."""
    earned = lists.rewards.sum(axis=0)
    if weights.shape[1] == 1 or earned.sum() == 0:
        return weights[:, 0]
    found: Floats = weights @ (earned / earned.sum())
    return found


def _weighted(estimate: Estimate, lists: LoggedLists) -> Floats:
    """(n,) rewards as they are weighted."""
    weights = estimate.weights
    rewards = lists.rewards if weights.shape[1] > 1 else lists.totals[:, None]
    found: Floats = (weights * rewards).sum(axis=1)
    return found
