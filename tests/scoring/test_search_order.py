"""A cross-encoder orders the best of a search: who gets which cosine, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Snapshot
from scoring import Policy, PolicyError, Recommender, Slate
from tests.scoring.shop import Words, item, open_shop, request

# Cosines to "mug" in this order; popularity as well, so that a smaller term may still win.
ITEMS = ["plain-mug", "mug-tree", "fine-mug", "mug-rug", "cable"]
VECTORS = [[1.0, 0.0], [0.99, 0.1], [0.97, 0.2], [0.95, 0.3], [0.0, 1.0]]
WORDS = {"mug": [1.0, 0.0], "zzz": [-1.0, -1.0]}
GRADES = {"FINE-MUG": 3.0, "PLAIN-MUG": 2.0, "MUG-TREE": 1.0, "MUG-RUG": -4.0, "CABLE": -9.0}


class Grades:
    """Knows how well each title answers, and counts what it was asked."""

    version = "grades"

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def scores(self, query: str, titles: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append((query, tuple(titles)))
        return np.array([GRADES[title] for title in titles], np.float32)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    items = [item(item_id) for item_id in ITEMS]
    return open_shop(tmp_path_factory.mktemp("index"), items, VECTORS, [1, 2, 3, 4, 5])


def asked(shop: Snapshot, scorer: Grades | None, query: str = "mug", rerank: int = 50) -> Slate:
    policy = Policy(rerank=rerank, weight_popularity=0.0)
    made = Recommender(shop, Words(WORDS), policy=policy, reranker=scorer)
    return made.recommend([request(query=query)])[0]


def cosines(slate: Slate) -> dict[str, float | None]:
    return {found.item_id: found.tasks["relevance"] for found in slate.items}


def test_the_same_cosines_go_to_the_items_in_the_order_of_the_grades(shop: Snapshot) -> None:
    plain, found = asked(shop, None), asked(shop, Grades())
    assert [i.item_id for i in plain.items] == ITEMS
    best = ["fine-mug", "plain-mug", "mug-tree", "mug-rug", "cable"]
    assert [i.item_id for i in found.items] == best
    assert [i.score for i in found.items] == [i.score for i in plain.items]
    assert list(cosines(found).values()) == list(cosines(plain).values())


def test_only_the_best_are_read_and_the_others_keep_their_cosine(shop: Snapshot) -> None:
    scorer = Grades()
    found = asked(shop, scorer, rerank=2)
    assert scorer.asked == [("mug", ("PLAIN-MUG", "MUG-TREE"))]
    assert [i.item_id for i in found.items] == ITEMS
    assert cosines(found) == cosines(asked(shop, None))


def test_a_search_without_a_hit_is_not_read(shop: Snapshot) -> None:
    scorer = Grades()
    assert asked(shop, scorer, query="zzz").items == asked(shop, None, query="zzz").items
    assert scorer.asked == []


def test_pairs_are_read_once_and_each_search_has_its_own_order(shop: Snapshot) -> None:
    scorer = Grades()
    made = Recommender(shop, Words(WORDS), reranker=scorer)
    two = [request(query="mug", user_id="a"), request(user_id="b"), request(query=" mug ")]
    first, without, again = made.recommend(two)
    assert len(scorer.asked) == 1
    assert first.items == again.items
    assert without.items == Recommender(shop, None).recommend([request(user_id="b")])[0].items
    assert made.policy_version == f"{Policy().version}+grades"


def test_numbers_that_order_nothing_are_refused() -> None:
    with pytest.raises(PolicyError, match="rerank is 1"):
        Policy(rerank=1)
