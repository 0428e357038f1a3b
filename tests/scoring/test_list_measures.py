"""What a list is worth, and how evenly lists spread: numbers worked out by hand."""

import math

import numpy as np
import pytest

from scoring.exposure import counts_of, gini, is_tail
from scoring.list_measures import differences, gains, shares


def test_ndcg_of_three_lists() -> None:
    lists = [["a", "b", "c"], ["x", "a"], ["a"]]
    found = gains(lists, [{"b", "q"}, {"a"}, set()], 3)
    best = 1 + 1 / math.log2(3)
    assert found[0] == pytest.approx((1 / math.log2(3)) / best)
    assert found[1] == pytest.approx(1 / math.log2(3))
    assert math.isnan(found[2])


def test_only_the_first_ranks_count() -> None:
    assert gains([["x", "y", "a"]], [{"a"}], 2)[0] == 0


def test_unlikeness_is_the_mean_over_pairs() -> None:
    rows = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    lists = [np.array([0, 1, 2]), np.array([1])]
    found = differences(lists, lambda at: rows[at])
    assert found[0] == pytest.approx(1 - (0 + 0.6 + 0.8) / 3)
    assert math.isnan(found[1])


def test_the_tail_is_what_is_outside_the_most_popular_fifth() -> None:
    tail = is_tail(np.array([1, 9, 3, 3, 0], np.float32))
    assert tail.tolist() == [True, False, True, True, True]
    found = shares([np.array([1, 0]), np.array([], np.int64)], tail)
    assert found[0] == 0.5
    assert math.isnan(found[1])


@pytest.mark.parametrize(
    ("counts", "value"), [([5, 5, 5], 0), ([0, 0, 0, 8], 0.75), ([1, 3], 0.25)]
)
def test_gini(counts: list[int], value: float) -> None:
    assert gini(counts) == pytest.approx(value)


def test_items_that_are_never_shown_count_as_shown_0_times() -> None:
    assert counts_of([np.array([2, 2, -1]), np.array([0])], 4).tolist() == [1, 0, 2, 0]
    assert math.isnan(gini([0, 0]))
