"""Columns of a ranker, worked out by hand or by plain loops."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from scoring.purchases import Purchases
from scoring.ranker.alike import HALF_LIFE_DAYS, Alike, Customers, user_digest
from scoring.ranker.closed_form import TABLES, ease, learn_weights
from scoring.ranker.past import ITEM_FEATURES, USER_FEATURES, read_past
from scoring.ranker.places import places
from scoring.ranker.sales import DAY_MS, Sales
from scoring.ranker.speaking import Entries, Pattern, Sums, best
from scoring.ranker.tables import ItemTables
from scoring.rules.pairs import pairs_of


def purchases(rows: list[tuple[int, int, float, int, bool]], n_users: int) -> Purchases:
    """Rows of (user, item, days ago, pieces, returned), newest first for each user."""
    owners, positions, days, pieces, returned = (np.array(each) for each in zip(*rows, strict=True))
    ages_ms = days * DAY_MS
    starts = np.searchsorted(owners, np.arange(n_users + 1))
    at_ms = np.int64(10**12) - ages_ms.astype(np.int64)
    return Purchases(starts, owners, positions, at_ms, ages_ms, pieces.astype(np.float32), returned)


def test_a_past_says_how_often_how_lately_and_how_regularly() -> None:
    past = read_past(
        purchases(
            [
                (1, 7, 10.0, 6, False),
                (1, 3, 10.0, 1, False),
                (1, 7, 30.0, 2, False),
                (1, 7, 50.0, 1, False),
                (2, 5, 1.0, 1, True),
            ],
            n_users=3,
        )
    )
    assert past.pairs.tolist() == [*pairs_of(np.array([1, 1, 2]), np.array([3, 7, 5])).tolist()]
    mug = dict(zip(ITEM_FEATURES, past.items[:, 1].tolist(), strict=True))
    assert mug == pytest.approx(
        {
            "times": np.log(4),
            "pieces": np.log(7),
            "returned": 0,
            "decayed_14d": sum(2 ** (-days / 14) for days in (10, 30, 50)),
            "decayed_45d": sum(2 ** (-days / 45) for days in (10, 30, 50)),
            "decayed_90d": sum(2 ** (-days / 90) for days in (10, 30, 50)),
            "days_since_last": np.log(11),
            "days_since_first": np.log(51),
            "baskets_since": 0,
            "due": 10 / 20,
            "share_of_baskets": 1,
        },
        rel=1e-5,
    )
    came_back = dict(zip(ITEM_FEATURES, past.items[:, 2].tolist(), strict=True))
    assert (came_back["times"], came_back["returned"], came_back["due"]) == (0, 1, -1)
    user = dict(zip(USER_FEATURES, past.users[:, 1].tolist(), strict=True))
    assert user == pytest.approx(
        {
            "n_baskets": np.log(4),
            "basket_size": np.log(1 + 4 / 3),
            "share_again": 2 / 4,
            "interval": np.log(21),
            "days_away": np.log(11),
            "n_own": np.log(3),
        },
        rel=1e-5,
    )


def test_baskets_since_counts_visits_and_not_lines() -> None:
    rows = [(0, 1, 1.0, 1, False), (0, 2, 1.01, 1, False), (0, 3, 5.0, 1, False)]
    past = read_past(purchases(rows, n_users=1))
    assert past.items[ITEM_FEATURES.index("baskets_since")].tolist() == [0, 0, 1]


def test_places_are_those_of_plain_counting() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-3, 4, size=(4, 30)).astype(np.float32)
    values[0, :5] = -0.0
    starts = np.array([0, 12, 12, 13, 30])
    found = places(values, starts)
    for row in range(len(values)):
        for start, end in pairwise(starts.tolist()):
            for place in range(start, end):
                above = (values[row, start:end] > values[row, place]).sum()
                assert found[row, place] == pytest.approx(1.5 - np.log1p(above) / 2)


def test_sums_over_rows_are_those_of_a_plain_product_and_are_ranked() -> None:
    rng = np.random.default_rng(1)
    table = np.where(rng.random((6, 6)) < 0.6, rng.normal(size=(6, 6)), 0).astype(np.float32)
    sparse = csr_array(table)
    entries = Entries(np.array([0, 2, 2, 5]), np.array([1, 4, 0, 2, 4]))
    weights = np.array([1.0, 0.5, 2.0, 1.0, 3.0], np.float32)
    found = np.zeros((3, 6), np.float32)
    sums = Sums(
        entries, Pattern(sparse.indptr.astype(np.int64), sparse.indices.astype(np.int64), 6)
    )
    sums.add(weights, sums.met(sparse.data), found)
    plain = np.zeros((3, 5))
    plain[[0, 0, 2, 2, 2], range(5)] = weights
    expected = plain @ table[entries.rows]
    assert found == pytest.approx(expected, abs=1e-6)
    columns = np.array([3, -1, 0, 7, 1, 2])  # the catalogue has eight items, and lacks row 1
    users, rows = np.nonzero((expected > 0) & (columns >= 0))
    assert sorted(best(found, columns, 9)) == sorted(pairs_of(users, columns[rows]).tolist())
    known = np.arange(6)
    first = pairs_of(np.array([0, 2]), expected[[0, 2]].argmax(axis=1))
    assert best(found, known, 1).tolist() == first.tolist()
    assert not len(best(found, known, 0))


def sales() -> Sales:
    """Customers who buy in two tastes, of six items, 40 baskets."""
    rng = np.random.default_rng(2)
    lines = []
    for basket in range(40):
        user = basket % 8
        taste = np.arange(3) + 3 * (user % 2)
        lines += [(user, basket, item, basket * DAY_MS) for item in rng.permutation(taste)[:2]]
    users, baskets, items, at_ms = np.array(lines, np.int64).T
    ids = [f"i{n}" for n in range(6)]
    return Sales(ids, [f"u{n}" for n in range(8)], users, baskets, items, at_ms)


def test_ease_is_the_best_linear_guess_without_oneself() -> None:
    held = csr_array((np.random.default_rng(3).random((30, 5)) < 0.4).astype(np.float64))
    weights = ease(held, 2.0)
    plain = held.toarray()
    for item in range(5):
        others = [each for each in range(5) if each != item]
        gram = plain[:, others].T @ plain[:, others] + 2.0 * np.eye(4)
        expected = np.linalg.solve(gram, plain[:, others].T @ plain[:, item])
        assert weights[others, item] == pytest.approx(expected, abs=1e-5)
        assert weights[item, item] == 0


def test_tables_keep_the_nearest_by_any_of_them() -> None:
    known = sales()
    dense = learn_weights(known, 41 * DAY_MS)
    tables = ItemTables.of(known.item_ids, dense, 2)
    for item in range(6):
        row = slice(int(tables.starts[item]), int(tables.starts[item + 1]))
        kept = set(tables.neighbours[row].tolist())
        nearest = {
            int(other)
            for name in TABLES
            for other in np.argsort(-dense[name][item])[:2]
            if dense[name][item, other] > 0
        }
        assert kept == nearest
        for name, weights in zip(TABLES, tables.weights, strict=True):
            expected = dense[name][item, tables.neighbours[row]]
            assert weights[row] == pytest.approx(expected)
    own_taste = dense["customers"][0, 1:3].min()
    assert own_taste > dense["customers"][0, 3:].max()


def test_nothing_is_learned_from_what_comes_later() -> None:
    known = sales()
    early = learn_weights(known, 20 * DAY_MS)
    cut = learn_weights(known.between(0, 20 * DAY_MS), 20 * DAY_MS)
    assert all(np.array_equal(early[name], cut[name]) for name in TABLES)


def test_customers_alike_are_those_of_a_plain_loop() -> None:
    known, now_ms = sales(), 41 * DAY_MS
    customers = Customers.sample(known, now_ms, 100, seed=0)
    entries, weights = Entries(np.array([0, 2]), np.array([0, 1])), np.array([1.0, 0.5])
    found = np.zeros((1, 6), np.float32)
    Alike(customers, 6).add(entries, weights, np.array([user_digest("u0")]), found)
    bought: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for user, item, at_ms in zip(known.users, known.items, known.at_ms, strict=True):
        days = (now_ms - at_ms) / DAY_MS
        bought[user][item] += 2 ** (-days / HALF_LIFE_DAYS)
    expected = np.zeros(6)
    for user, basket in bought.items():
        if user == 0:
            continue  # nobody is their own neighbour
        length = np.sqrt(sum(each**2 for each in basket.values()))
        alike = (basket[0] * 1.0 + basket[1] * 0.5) / length / np.sqrt(1.25)
        for item, weight in list(basket.items()):
            expected[item] += alike * min(weight, 1.0)
    assert found[0] == pytest.approx(expected, abs=1e-5)


def test_a_sample_of_customers_is_the_same_for_the_same_seed() -> None:
    one, other = (Customers.sample(sales(), 41 * DAY_MS, 3, seed=5) for _ in range(2))
    assert len(one.digests) == 3
    assert np.array_equal(one.digests, other.digests)
