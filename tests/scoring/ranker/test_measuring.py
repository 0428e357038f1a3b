"""How good a ranking of past lists is: of all, and of each group of users."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.ranker.features import FEATURES
from scoring.ranker.lists import Lists
from scoring.ranker.measuring import measures


def test_every_group_of_users_is_measured_at_the_start_of_a_basket() -> None:
    """Four lists of two items: a newcomer's is right, the others' are wrong but for the last."""
    wanted = np.array([1, 0, 0, 1, 0, 1, 1, 0], np.bool_)
    counts = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 2, 7, 7], [0, 0, 0, 1]])
    lists = Lists(
        np.zeros((8, len(FEATURES)), np.float16),
        wanted,
        np.ones(8, np.bool_),
        np.ones(8, np.float32),
        np.arange(0, 9, 2),
        counts,
        ("here", None, None, None),
    )
    scores = np.tile([0.9, 0.1], 4)
    found = measures(lists, scores, scores)
    second = 1 / np.log2(3)
    assert found["ndcg@20"] == pytest.approx((1 + 2 * second) / 3)
    assert found["ndcg@20 of new users"] == 1
    assert found["ndcg@20 of rare users"] == pytest.approx(second)
    assert found["ndcg@20 of frequent users"] == pytest.approx(second)
    assert found["rest ndcg@20"] == 1
    assert "ndcg@20 of here" not in found  # nothing to compare it with
