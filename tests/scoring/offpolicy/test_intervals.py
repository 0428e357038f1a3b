"""Intervals: by hand, beside scipy and beside each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scoring.offpolicy.intervals import (
    bootstrap,
    empirical_bernstein,
    percentiles,
    standard_error,
    t_interval,
    widest,
)
from scoring.offpolicy.terms import Terms
from scoring.offpolicy.weights import control, effective_size


def some(n: int = 400) -> Terms:
    rng = np.random.default_rng(5)
    weights = rng.lognormal(0, 0.5, (n, 2))
    return Terms(weights * rng.binomial(1, 0.3, (n, 2)), weights)


def test_a_mean_has_students_interval() -> None:
    values = np.array([0.0, 1.0, 1.0, 4.0, 2.0])
    found = t_interval(Terms.mean(values), 0.9)
    low, high = stats.t.interval(0.9, 4, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_delta_method_and_the_bootstrap_say_the_same_of_ratios() -> None:
    terms = some()
    samples = bootstrap([terms], n_samples=2_000)[:, 0]
    assert samples.std() == pytest.approx(standard_error(terms), rel=0.05)
    assert samples.mean() == pytest.approx(terms.value, rel=0.01)


def test_lists_of_one_user_count_as_one() -> None:
    """Each row four times, under one user each time: the estimate and its error stay."""
    terms = some(50)
    four = Terms(np.repeat(terms.numerators, 4, axis=0), np.repeat(terms.denominators, 4, axis=0))
    grouped = four.by_group(np.repeat(np.arange(50), 4))
    assert grouped.value == pytest.approx(terms.value)
    assert standard_error(grouped) == pytest.approx(standard_error(terms))
    assert standard_error(four) == pytest.approx(standard_error(terms) / 2, rel=0.05)


def test_bernsteins_interval_is_the_formula() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    log, variance = math.log(4 / 0.1), values.var(ddof=1)
    half = math.sqrt(2 * variance * log / 6) + 7 * 2.0 * log / (3 * 5)
    found = empirical_bernstein(values, 0.0, 2.0, 0.9)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_too_few_rows_have_no_interval() -> None:
    one = Terms.mean(np.array([1.0]))
    assert math.isnan(t_interval(one).low)
    assert math.isnan(empirical_bernstein(np.array([1.0]), 0, 1).low)
    assert math.isnan(percentiles(np.array([math.nan])).high)
    assert math.isnan(widest([t_interval(one), percentiles(np.ones(3))]).low)


def test_effective_size_is_the_number_of_equal_weights() -> None:
    assert effective_size(np.array([2.0, 2.0, 0.0, 0.0])) == 2
    assert effective_size(np.zeros(3)) == 0


def test_weights_whose_mean_is_not_one_are_noticed() -> None:
    groups = np.arange(4_000)
    right = np.random.default_rng(0).choice([0.5, 1.5], 4_000)
    assert control(right, groups).holds
    assert control(np.ones(4_000), groups).holds
    assert not control(0.9 * right, groups).holds
