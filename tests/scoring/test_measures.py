"""Measures against sums over all pairs, and figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.measures import auc, mean_within, ranks, reciprocal_ranks, spearman

rows = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


def test_equal_values_share_their_ranks() -> None:
    assert ranks([3, 1, 3, 2]).tolist() == [3.5, 1, 3.5, 2]


@given(rows)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    yes = [score for score, is_yes in rows if is_yes]
    no = [score for score, is_yes in rows if not is_yes]
    found = auc([score for score, _ in rows], [is_yes for _, is_yes in rows])
    if not yes or not no:
        assert math.isnan(found)
    else:
        wins = sum((a > b) + (a == b) / 2 for a in yes for b in no)
        assert found == pytest.approx(wins / (len(yes) * len(no)))


def test_spearman_by_hand() -> None:
    # ranks 1 2 3 4 against 2 1 4 3: differences of 1, so 1 - 6 * 4 / (4 * 15)
    assert spearman([1, 5, 7, 90], [2, 1, 4, 3]) == pytest.approx(0.6)
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))
    assert math.isnan(spearman([], []))


def test_within_groups_constant_ones_have_no_say() -> None:
    groups = ["a", "a", "b", "b", "c", "d", "d"]
    found = mean_within(groups, [1, 2, 1, 2, 9, 1, 2], [1, 2, 2, 1, 9, 5, 5])
    assert found == 0.0  # a: 1, b: -1; c is alone, d constant


def test_reciprocal_ranks_count_ties_half() -> None:
    scores = np.array([[3, 1, 2], [5, 5, 1], [9, 8, 7]], dtype=np.float32)
    assert reciprocal_ranks(scores).tolist() == pytest.approx([1, 1 / 1.5, 1 / 3])
