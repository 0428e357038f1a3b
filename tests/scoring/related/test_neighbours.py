"""What the same users had, weighed by BM25."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.related.neighbours import NeighbourSettings, neighbours
from scoring.rings import TYPES
from scoring.sequence.sequences import Sequences

DAY_MS = 86_400_000
PURCHASE, RETURN = TYPES.index("purchase"), TYPES.index("return")


def had(*users: str, action: int = PURCHASE) -> Sequences:
    """Users whose items are digits."""
    owners = [user for user, items in enumerate(users) for _ in items]
    items = [int(item) for items in users for item in items]
    actions = np.full(len(items), action)
    return Sequences.of(np.array(owners), np.array(items), actions, np.arange(len(items)) * DAY_MS)


def test_those_that_most_users_share_come_first() -> None:
    near, strengths = neighbours(had("012", "01", "23", "4"), 6, NeighbourSettings(n_neighbours=2))
    assert near[0].tolist() == [1, 2]
    assert near[1].tolist() == [0, 2]
    assert near[4].tolist() == [-1, -1]
    assert strengths[4].tolist() == [0, 0]
    assert strengths.max() == 1
    assert (np.diff(strengths, axis=1) <= 0).all()


def test_the_weight_is_that_of_the_formula() -> None:
    """Two users of two items; the strongest pair is 1 by definition, so another one is compared."""
    settings = NeighbourSettings(k1=2.0, b=0.5, n_neighbours=3)
    near, strengths = neighbours(had("01", "01", "12"), 4, settings)
    popular = np.array([2, 3, 1, 0])
    idf = np.log(4) - np.log1p(2)
    weight = idf * 3 / (2 * (0.5 + 0.5 * popular / popular.mean()) + 1)
    expected = {(0, 1): 2 * weight[0] * weight[1], (1, 2): weight[1] * weight[2]}
    found = strengths[1, near[1].tolist().index(2)] / strengths[0, near[0].tolist().index(1)]
    assert found == pytest.approx(expected[1, 2] / expected[0, 1])


def test_having_it_twice_is_having_it_once() -> None:
    once, twice = had("012", "01"), had("001122", "0101")
    settings = NeighbourSettings(n_neighbours=2)
    for left, right in zip(
        neighbours(once, 3, settings), neighbours(twice, 3, settings), strict=True
    ):
        np.testing.assert_array_equal(left, right)


def test_returns_say_nothing() -> None:
    near, _ = neighbours(had("01", "12", action=RETURN), 3, NeighbourSettings(n_neighbours=1))
    assert (near == -1).all()


def test_only_the_last_days_are_counted() -> None:
    events = had("01", "23")  # days 0, 1 and 2, 3
    near, _ = neighbours(events, 4, NeighbourSettings(n_neighbours=1, days=1.5))
    assert near[:, 0].tolist() == [-1, -1, 3, 2]
