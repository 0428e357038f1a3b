"""Interest vectors: decay, returns, counts, searches; worked out by hand."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import Snapshot
from scoring import Interaction, Policy, QueryVectors, Request
from scoring.centroids import find_centroids
from scoring.interests import LONG_TERM, SEARCH, SHORT_TERM, Interests, find_interests
from scoring.rings import read_rings, type_weights
from tests.scoring.shop import DAY_MS, MINUTE_MS, Words, did, item, open_shop, request

MUG, CABLE, BIKE = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    items = [
        item("mug", category="Kitchen", brand="Acme"),
        item("cable", category="Tech", brand="Acme"),
        item("bike", category="Sport"),
    ]
    return open_shop(tmp_path_factory.mktemp("index"), items, [MUG, CABLE, BIKE])


def interests_of(
    snapshot: Snapshot,
    requests: Sequence[Request],
    queries: QueryVectors | None = None,
    policy: Policy | None = None,
) -> Interests:
    policy = policy or Policy(centroid_share=0.5)
    rings = read_rings(requests, snapshot, policy, type_weights(policy))
    centroids = find_centroids(snapshot.catalogue, snapshot.vectors)
    return find_interests(requests, rings, centroids, queries, policy)


def test_one_short_half_life_halves_a_view(snapshot: Snapshot) -> None:
    seen = request(did("view", "cable", 0), did("view", "mug", 30 * MINUTE_MS))
    found = interests_of(snapshot, [seen])
    np.testing.assert_allclose(
        found.vectors[0, SHORT_TERM], np.array([0.5, 1.0, 0.0]) / np.sqrt(1.25), atol=1e-6
    )
    assert found.confidence[0, SHORT_TERM] == pytest.approx(1.5 / 2.5)


def test_one_long_half_life_halves_a_view_and_leaves_no_short_term(snapshot: Snapshot) -> None:
    seen = request(did("view", "mug", 30 * DAY_MS))
    found = interests_of(snapshot, [seen])
    assert not found.vectors[0, SHORT_TERM].any()
    assert found.confidence[0, SHORT_TERM] == 0
    np.testing.assert_allclose(found.vectors[0, LONG_TERM], MUG)
    assert found.confidence[0, LONG_TERM] == pytest.approx(0.5 / 1.5)


def test_a_purchase_weighs_five_views_and_a_quantity_multiplies(snapshot: Snapshot) -> None:
    bought = request(did("purchase", "mug", 0, weight=2), did("view", "bike", 0))
    found = interests_of(snapshot, [bought]).vectors[0, SHORT_TERM]
    np.testing.assert_allclose(found, np.array([10, 0, 1]) / np.sqrt(101), atol=1e-6)


def test_a_return_takes_a_purchase_back(snapshot: Snapshot) -> None:
    kept_nothing = request(did("return", "mug", 0), did("purchase", "mug", 0))
    found = interests_of(snapshot, [kept_nothing])
    assert not found.vectors.any()
    assert not found.confidence.any()


def test_more_returned_than_bought_is_no_interest_and_not_its_opposite(snapshot: Snapshot) -> None:
    found = interests_of(snapshot, [request(did("return", "mug", 0))])
    assert not found.vectors.any()
    assert not found.confidence.any()


def test_an_event_from_the_future_counts_as_one_of_now(snapshot: Snapshot) -> None:
    early = interests_of(snapshot, [request(did("view", "mug", -MINUTE_MS))])
    assert early.confidence[0, SHORT_TERM] == pytest.approx(0.5)


def test_counts_add_the_centroids_of_their_categories_to_the_long_term(snapshot: Snapshot) -> None:
    liked = request(did("view", "mug", 0), counts={"c:Sport": 4.0, "p:3": 9.0, "c:Gone": 9.0})
    found = interests_of(snapshot, [liked])
    np.testing.assert_allclose(
        found.vectors[0, LONG_TERM], np.array([1, 0, 1]) / np.sqrt(2), atol=1e-6
    )
    np.testing.assert_allclose(found.vectors[0, SHORT_TERM], MUG)
    assert found.confidence[0, LONG_TERM] == pytest.approx(4 / 5)


def test_counts_alone_are_a_long_term_interest(snapshot: Snapshot) -> None:
    found = interests_of(snapshot, [request(counts={"b:Acme": 2.0})])
    np.testing.assert_allclose(
        found.vectors[0, LONG_TERM], np.array([1, 1, 0]) / np.sqrt(2), atol=1e-6
    )


def test_an_unknown_item_is_counted_and_changes_nothing(snapshot: Snapshot) -> None:
    policy = Policy()
    known, more = did("view", "mug"), did("purchase", "gone", 0)
    rings = read_rings(
        [request(), request(more, known), request(known)], snapshot, policy, type_weights(policy)
    )
    assert rings.unknown.tolist() == [0, 1, 0]
    assert rings.starts.tolist() == [0, 0, 1, 2]
    found = interests_of(snapshot, [request(more, known), request(known)])
    assert np.array_equal(found.vectors[0], found.vectors[1])


def test_an_event_type_from_a_newer_version_weighs_nothing(snapshot: Snapshot) -> None:
    strange = Interaction(1, "mug", "?", did("view", "mug", 0).at_ms, 1)
    assert not interests_of(snapshot, [request(strange)]).vectors.any()


def test_a_search_is_its_querys_vector_with_full_confidence(snapshot: Snapshot) -> None:
    queries = QueryVectors(Words({"red mug": [2.0, 0.0, 0.0]}))
    found = interests_of(snapshot, [request(), request(query=" red   mug ")], queries)
    assert found.confidence[:, SEARCH].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(found.vectors[1, SEARCH], MUG)


@pytest.mark.parametrize("query", [None, "", "  "])
def test_a_blank_search_is_no_search(snapshot: Snapshot, query: str | None) -> None:
    words = Words({})
    found = interests_of(snapshot, [request(query=query)], QueryVectors(words))
    assert not found.confidence.any()
    assert words.asked == []


def test_new_queries_of_a_batch_are_encoded_together_and_once() -> None:
    words = Words({"a": MUG, "b": CABLE, "c": BIKE})
    queries = QueryVectors(words)
    queries.of(["a", "b", "a"])
    np.testing.assert_allclose(queries.of(["c", "b"]), [BIKE, CABLE])
    assert words.asked == [["a", "b"], ["c"]]


def test_the_query_that_was_not_used_longest_is_forgotten_first() -> None:
    words = Words({"a": MUG, "b": CABLE, "c": BIKE})
    queries = QueryVectors(words, capacity=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        queries.of([text])
    assert words.asked == [["a"], ["b"], ["c"], ["b"]]


def test_a_batch_with_more_new_queries_than_the_cache_holds_is_answered() -> None:
    words = Words({"a": MUG, "b": CABLE, "c": BIKE})
    found = QueryVectors(words, capacity=1).of(["a", "b", "c"])
    np.testing.assert_allclose(found, [MUG, CABLE, BIKE])


def test_a_query_is_remembered_without_the_others_of_its_batch() -> None:
    """One that is asked for ever would keep a thousand that were asked once."""
    made: list[weakref.ref[NDArray[np.float32]]] = []

    class Watched(Words):
        def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
            found = super().encode_queries(texts)
            made.append(weakref.ref(found))
            return found

    queries = QueryVectors(Watched({"a": MUG, "b": CABLE}), capacity=1)
    queries.of(["a", "b"])
    gc.collect()
    assert made[0]() is None


_interactions = st.builds(
    did,
    st.sampled_from(["view", "purchase", "cart", "return"]),
    st.sampled_from(["mug", "cable", "bike", "gone"]),
    st.integers(0, 40 * DAY_MS),
    st.integers(1, 3),
)


@given(st.lists(_interactions, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_a_ring_does_not_matter(
    snapshot: Snapshot, ring: list[Interaction], rng: object
) -> None:
    shuffled = list(ring)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    found = interests_of(snapshot, [request(*ring), request(*shuffled)])
    if np.abs(found.confidence[0] - found.confidence[1]).max() < 1e-4:  # not at the threshold
        # A sum of purchases and returns can be nearly nothing, and its direction is then rounding.
        near = found.vectors[0] - found.vectors[1]
        assert np.abs(near).max() < 1e-3
    assert np.isfinite(found.vectors).all()
    lengths = np.linalg.norm(found.vectors, axis=2)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


@given(st.lists(st.lists(_interactions, max_size=5), min_size=1, max_size=5))
def test_the_other_users_of_a_batch_do_not_matter(
    snapshot: Snapshot, rings: list[list[Interaction]]
) -> None:
    requests = [request(*ring) for ring in rings]
    together = interests_of(snapshot, requests)
    for user, alone in enumerate(requests):
        np.testing.assert_allclose(
            together.vectors[user], interests_of(snapshot, [alone]).vectors[0], atol=1e-6
        )


def test_centroids_are_the_mean_of_their_items_and_long_names_share_a_row(tmp_path: Path) -> None:
    long_name = "x" * 70
    items = [
        item("a", category=long_name + "1"),
        item("b", category=long_name + "2"),
        item("c", category="Kitchen"),
        item("d", category="Kitchen"),
        item("e"),
    ]
    shop = open_shop(tmp_path, items, [MUG, CABLE, MUG, MUG, BIKE])
    centroids = find_centroids(shop.catalogue, shop.vectors)
    assert sorted(centroids.rows) == ["c:Kitchen", "c:" + "x" * 64]
    np.testing.assert_allclose(centroids.vectors[centroids.rows["c:Kitchen"]], MUG)
    shared = centroids.vectors[centroids.rows["c:" + "x" * 64]]
    np.testing.assert_allclose(shared, np.array([1, 1, 0]) / np.sqrt(2), atol=1e-6)
