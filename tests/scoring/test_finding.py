"""Ranks of what was wanted, beside a plain loop; and who gains by another encoder."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.finding import gain, reciprocal_ranks_of_wanted
from tests.index.vectors import unit_rows

TEXTS = [f"item {n}" for n in range(40)]


class Tower:
    """A vector for each text; that of some items is the same."""

    def __init__(self, dim: int = 6) -> None:
        rows = unit_rows(900, dim=dim)
        self._items = dict(zip(TEXTS, rows, strict=False))
        self._items["item 3"] = self._items["item 4"]
        self._queries = {f"query {n}": rows[100 + n] for n in range(700)}
        self.n_asked = 0

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.n_asked += len(texts)
        return np.stack([self._queries[text] for text in texts])

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._items[text] for text in texts])


def test_ranks_are_those_of_a_plain_loop() -> None:
    """More queries than are compared at once, some asked twice, some equal scores."""
    queries = [f"query {n % 600}" for n in range(1_000)]
    wanted = [TEXTS[n * 7 % 40] for n in range(1_000)]
    tower = Tower()
    found = reciprocal_ranks_of_wanted(tower, queries, wanted, TEXTS)
    assert tower.n_asked == 600
    items = tower.encode_items(TEXTS)
    for query, text, one in zip(queries, wanted, found, strict=True):
        scores = items @ tower.encode_queries([query])[0]
        own = scores[TEXTS.index(text)]
        equal = sum(abs(scores - own) < 1e-6) - 1
        expected = 1 + sum(scores > own + 1e-6) + equal / 2
        assert one == pytest.approx(1 / expected)


def test_what_everybody_asks_for_takes_no_more_memory() -> None:
    """Of one query each item is ranked once, however many wanted it."""
    texts = [f"text {n}" for n in range(1_000)]
    rows = unit_rows(1_001, dim=6)

    class Many(Tower):
        def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return rows[:1]

        def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return rows[1:]

    wanted = [texts[n % 50] for n in range(10_000)]
    tracemalloc.start()
    found = reciprocal_ranks_of_wanted(Many(), ["mug"] * 10_000, wanted, texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found[:50], found[-50:])
    assert peak < 5_000_000


def test_a_gain_is_by_pairs_and_by_user() -> None:
    before = np.array([0.5, 0.5, 1.0, 0.25])
    after = np.array([1.0, 0.5, 1.0, 0.5])
    found = gain(before, after, ["ann", "ann", "bob", "eve"])
    assert (found.n, found.difference.n_users) == (4, 3)
    assert found.before == pytest.approx(0.5625)
    assert found.after - found.before == pytest.approx(found.difference.value)
    assert found.low < 0 < found.difference.value, "three users prove nothing"
    many = gain(np.tile(before, 50), np.tile(after, 50), [f"u{n}" for n in range(200)])
    assert many.low > 0.1


def test_without_rows_nothing_is_gained_for_certain() -> None:
    found = gain(np.empty(0), np.empty(0), [])
    assert math.isnan(found.low)
    assert not found.low > 0
