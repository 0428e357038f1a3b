"""Features of searches know nothing of what is clicked after them; ranks by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.bench_clicks import Asked
from tests.benchmarks.click_log import NO_PRODUCT, ClickLog, pairs_to_learn

TITLES = ("red mug", "blue mug", "green bike", "a cable", "")


def some_log(n: int = 60, seed: int = 0) -> ClickLog:
    rng = np.random.default_rng(seed)
    queries = tuple(rng.choice(["mug", "red mug", "bike", "cables", "big mug"], n).tolist())
    clicked = rng.integers(-1, len(TITLES), n)
    days = np.sort(rng.random(n) * 30)
    return ClickLog(queries, clicked, days, TITLES, TITLES)


def test_what_is_clicked_later_changes_no_feature() -> None:
    log, other = some_log(), some_log(seed=1)
    clicked = np.concatenate([log.clicked[:40], other.clicked[40:]])
    changed = ClickLog(log.queries, clicked, log.days, TITLES, TITLES)
    ours, theirs = Asked(log, 40, 60, {}), Asked(changed, 40, 60, {})
    for name, table in ours.features.items():
        assert table.shape == (len(ours.queries), len(TITLES)), name
        assert np.isfinite(table).all(), name
        np.testing.assert_array_equal(table, theirs.features[name])
    earlier = ClickLog(log.queries, other.clicked, log.days, TITLES, TITLES)
    moved = Asked(earlier, 40, 60, {}).features
    untouched = {name for name, table in ours.features.items() if np.allclose(table, moved[name])}
    of_texts = {"letters", "letters, no spaces", "share in title", "words", "words, description"}
    assert untouched == of_texts


def test_reciprocal_ranks_by_hand() -> None:
    queries = ("mug", "new", "mug", "mug", "new")
    clicked = np.array([0, 1, 1, 4, NO_PRODUCT])
    log = ClickLog(queries, clicked, np.arange(5.0), TITLES, TITLES)
    asked = Asked(log, 1, 5, {})
    assert asked.queries == ["new", "mug"]
    assert asked.new.tolist() == [True, False, False, True]
    scores = np.array([[9.0, 8, 8, 0, 0], [1, 2, 3, 0, 3]])
    # second with another that is as good; third; first with another; none of the products
    assert asked.reciprocal_ranks(scores) == pytest.approx([1 / 2.5, 1 / 3, 1 / 1.5, 0])


def test_pairs_to_learn_are_distinct_and_have_texts() -> None:
    queries = ("mug", "mug", "mug", "x", "x", "late")
    clicked = np.array([0, 0, 1, 4, NO_PRODUCT, 2])
    log = ClickLog(queries, clicked, np.arange(6.0), TITLES, TITLES)
    assert [tuple(pair.values()) for pair in pairs_to_learn(log, 5)] == [
        ("mug", "red mug"),
        ("mug", "blue mug"),
    ]
