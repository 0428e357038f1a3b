"""The baselines of the sequence benchmark, on shops small enough to think through."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.sequence_baselines import ItemNeighbours, item_knn, popularity
from tests.scoring.sequence.made import users


def test_popularity_counts_events() -> None:
    score = popularity(users([0, 1], [1, 2], [1]), 4)
    assert score(users([3], [0])).tolist() == [[1, 3, 1, 0]] * 2


def test_neighbours_by_hand() -> None:
    """With b = 0 no item's popularity counts and (k1 + 1) / (k1 + 1) = 1: what is left is idf.

    idf = ln 3 - ln(1 + events of the user) = ln(3/3) = 0 for the first user, ln(3/2) for others.
    """
    train = users([0, 1], [1], [2])
    score = item_knn(train, 3, ItemNeighbours(k1=1.0, b=0.0, n_neighbours=10, decay=0.5))
    np.testing.assert_allclose(score(users([0, 1])), np.zeros((1, 3)), atol=1e-6)
    train = users([0, 1], [0, 1], [1, 2])
    similar = item_knn(train, 9, ItemNeighbours(k1=1.0, b=0.0, n_neighbours=10, decay=0.5))
    idf = np.log(9) - np.log(3)
    one_zero = similar(users([0]))[0].numpy()
    np.testing.assert_allclose(one_zero[:3], [0, 2 * idf**2, 0], rtol=1e-5)
    np.testing.assert_allclose(similar(users([0, 2]))[0, 1], 0.5 * 2 * idf**2 + idf**2, rtol=1e-5)


def test_only_the_nearest_are_kept() -> None:
    train = users([0, 1], [0, 1], [0, 2])
    score = item_knn(train, 9, ItemNeighbours(k1=1.0, b=0.5, n_neighbours=2, decay=1.0))
    found = score(users([0]))[0]  # itself and one more
    assert found[1] > 0
    assert found[2] == pytest.approx(0)
