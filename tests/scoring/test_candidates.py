"""Candidates: who is searched for, and what of it may be scored."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Candidates, Snapshot
from scoring import Policy
from scoring.candidates import merge, retrieve
from scoring.interests import LONG_TERM, SEARCH, SHORT_TERM, Interests
from scoring.popular import Popular
from scoring.purchases import read_purchases
from scoring.rings import read_rings, type_weights
from scoring.rules import forbidden_pairs, pairs_of
from tests.scoring.shop import did, item, open_shop, request

POLICY = Policy(slate_size=2, candidates=2)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Six items on three axes; the fourth is sold out."""
    items = [item(f"i{n}", in_stock=n != 3) for n in range(6)]
    axes = np.eye(3, dtype=np.float32)
    vectors = np.concatenate([axes, axes + 0.1 * np.roll(axes, 1, axis=1)])
    return open_shop(tmp_path_factory.mktemp("index"), items, vectors, [1, 2, 3, 9, 5, 4])


def interests(*users: dict[int, list[float]]) -> Interests:
    vectors = np.zeros((len(users), 3, 3), np.float32)
    confidence = np.zeros((len(users), 3), np.float32)
    for user, wants in enumerate(users):
        for kind, vector in wants.items():
            vectors[user, kind] = np.array(vector) / np.linalg.norm(vector)
            confidence[user, kind] = 0.5
    return Interests(vectors, confidence)


def test_interests_that_do_not_exist_are_not_searched(shop: Snapshot) -> None:
    found = retrieve(interests({}, {SHORT_TERM: [1, 0, 0], SEARCH: [0, 0, 1]}), shop, POLICY)
    assert found.users.tolist() == [1, 1]
    assert found.kinds.tolist() == [SHORT_TERM, SEARCH]
    assert found.found.positions.tolist() == [[0, 3], [2, 5]]
    assert found.search_hits.tolist() == [False, True]


def test_two_interests_of_one_direction_are_searched_once(shop: Snapshot) -> None:
    agreeing = {SHORT_TERM: [1.0, 0.0, 0.0], LONG_TERM: [1.0, 0.1, 0.0]}  # cosine .995
    differing = {SHORT_TERM: [1.0, 0.0, 0.0], LONG_TERM: [1.0, 0.3, 0.0]}  # cosine .958
    found = retrieve(interests(agreeing, differing), shop, POLICY)
    assert found.users.tolist() == [0, 1, 1]
    assert found.kinds.tolist() == [SHORT_TERM, SHORT_TERM, LONG_TERM]


class Noting:
    """A corpus that notes how many queries were searched with which effort."""

    def __init__(self, corpus: Snapshot) -> None:
        self._corpus = corpus
        self.asked: list[tuple[int, float]] = []

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Candidates:
        self.asked.append((len(queries), effort))
        return self._corpus.search(queries, k, effort=effort, allowed=allowed)


@pytest.mark.parametrize("held", [False, True])
def test_what_was_typed_is_searched_with_more_effort(shop: Snapshot, held: bool) -> None:
    done, typed = {SHORT_TERM: [1.0, 0.0, 0.0]}, {SEARCH: [0.0, 0.0, 1.0]}
    masks = {2: np.array([False, True, True, True, True, True])} if held else {}
    noting = Noting(shop)
    found = retrieve(interests(done, done | typed, typed), noting, POLICY, masks)  # type: ignore[arg-type]
    effort = POLICY.search_effort
    expected = [(2, 1.0), (1, effort), (1, effort)] if held else [(2, 1.0), (2, effort)]
    assert sorted(noting.asked) == sorted(expected)
    assert found.kinds.tolist() == [SHORT_TERM, SHORT_TERM, SEARCH, SEARCH]
    assert found.found.positions.tolist() == [[0, 3], [0, 3], [2, 5], [2, 5]]
    noting.asked.clear()
    retrieve(interests(done, done), noting, POLICY)  # type: ignore[arg-type]
    assert noting.asked == [(2, 1.0)]


def pool_of(shop: Snapshot, wants: Interests, *histories: list[str]) -> NDArray[np.int64]:
    requests = [request(*(did("purchase", each) for each in ring)) for ring in histories]
    rings = read_rings(requests, shop, POLICY, type_weights(POLICY))
    popular = Popular(shop.catalogue, 100).positions
    purchases = read_purchases(requests, rings, shop.catalogue)
    forbidden = forbidden_pairs(requests, rings, purchases, shop.catalogue, POLICY)
    found = retrieve(wants, shop, POLICY)
    everyone = np.zeros(len(requests), np.int64)
    return merge(found, purchases, [popular], everyone, forbidden, shop.catalogue, POLICY).pairs


def test_the_pool_is_what_was_found_bought_or_is_popular_and_in_stock(shop: Snapshot) -> None:
    wants = interests({SHORT_TERM: [1, 0, 0]}, {})
    assert Popular(shop.catalogue, 2).positions.tolist() == [4, 5]
    assert pool_of(shop, wants, ["i2"], []).tolist() == [
        *pairs_of(np.array(0), np.array([0, 2, 4, 5])),  # 3 was found and is sold out
        *pairs_of(np.array(1), np.array([4, 5])),
    ]


def test_a_search_without_a_hit_brings_no_candidates(shop: Snapshot) -> None:
    wants = interests({SEARCH: [-1, -1, -1]})
    assert pool_of(shop, wants, []).tolist() == pairs_of(np.array(0), np.array([4, 5])).tolist()
