"""Means over users: the interval is that of drawing users again, and not their rows."""

import math

import numpy as np
import pytest

from scoring.by_user import mean_by_user


def test_a_mean_of_one_row_a_user_has_the_textbook_error() -> None:
    values = [1.0, 2.0, 4.0, 9.0]
    found = mean_by_user(values, "abcd")
    assert found.value == 4.0
    assert found.error == pytest.approx(np.std(values, ddof=1) / 2)
    low, high = found.interval
    assert high - found.value == pytest.approx(3.182446 * found.error)  # Student, 3
    assert low + high == pytest.approx(8.0)


def test_the_error_is_that_of_drawing_users_again() -> None:
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 20, 400)
    users = np.repeat(np.arange(400), sizes)
    values = rng.random(400)[users] + 0.1 * rng.random(len(users))
    found = mean_by_user(values, users.tolist())
    sums = np.bincount(users, values)
    drawn = rng.multinomial(400, np.full(400, 1 / 400), 4000)
    again = (drawn @ sums) / (drawn @ sizes)
    assert found.error == pytest.approx(again.std(), rel=0.05)
    naive = values.std() / math.sqrt(len(values))
    assert found.error > 2 * naive, "rows of one user are not independent"


def test_rows_that_say_nothing_are_left_out_and_so_are_their_users() -> None:
    found = mean_by_user([1.0, math.nan, 3.0], ["a", "b", "c"])
    assert (found.value, found.n_users) == (2.0, 2)
    assert math.isnan(mean_by_user([], []).value)
    assert math.isnan(mean_by_user([5.0], ["a"]).interval[0])


def test_a_ratio_divides_by_what_it_is_told_to() -> None:
    found = mean_by_user([3.0, 1.0], ["a", "b"], [10.0, 10.0])
    assert found.value == pytest.approx(0.2)
    assert found.error == pytest.approx(math.sqrt(2 / 1 * 2) / 20)


def test_a_difference_is_welchs() -> None:
    from scipy.stats import ttest_ind

    one, other = [1.0, 2.0, 3.0, 9.0], [0.0, 1.0, 1.0]
    found = mean_by_user(one, "abcd").minus(mean_by_user(other, "xyz"))
    bounds = ttest_ind(one, other, equal_var=False).confidence_interval()
    assert found.interval == pytest.approx((bounds.low, bounds.high))
