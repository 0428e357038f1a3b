"""Recommender: what comes first, who gets what without history or hit, what a reason says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import EncoderMismatchError, Filter, Snapshot
from scoring import Interaction, Policy, QueryVectors, Recommender, Request, Slate
from tests.scoring.shop import DAY_MS, MINUTE_MS, NOW_MS, Words, did, item, open_shop, request

# A shop to think through: two mugs, a cable, a bike.
ITEMS = [
    item("red-mug", category="Kitchen"),
    item("blue-mug", category="Kitchen"),
    item("cable", category="Tech"),
    item("bike", category="Sport"),
]
VECTORS = [[1.0, 0.1, 0.0], [1.0, -0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
POPULARITY = [1.0, 2.0, 100.0, 10.0]
BY_POPULARITY = ["cable", "bike", "blue-mug", "red-mug"]
WORDS = {"mug": [1.0, 0.05, 0.0], "zzz": [0.1, -1.0, -1.0]}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return open_shop(tmp_path_factory.mktemp("index"), ITEMS, VECTORS, POPULARITY)


def recommend(small: Snapshot, asked: Request, **numbers: Any) -> Slate:
    policy = Policy(**{"just_seen_window_ms": 0.0} | numbers)
    return Recommender(small, Words(WORDS), policy=policy).recommend([asked])[0]


def ids_of(slate: Slate) -> list[str]:
    return [found.item_id for found in slate.items]


def test_a_newcomer_gets_what_is_popular_and_is_told_so(small: Snapshot) -> None:
    slate = recommend(small, request())
    assert ids_of(slate) == BY_POPULARITY
    assert slate.items[0].reason == "popular now"
    assert slate.items[0].score == pytest.approx(Policy().weight_popularity)
    assert slate.interests == {}


def test_nothing_is_called_popular_where_nobody_knows(tmp_path: Path) -> None:
    shop = open_shop(tmp_path, ITEMS, VECTORS)
    slate = Recommender(shop, None).recommend([request()])[0]
    assert ids_of(slate) == shop.catalogue.ids
    assert {found.reason for found in slate.items} == {"from our range"}


def test_a_search_with_a_hit_comes_first_and_says_so(small: Snapshot) -> None:
    slate = recommend(small, request(query="mug"), weight_popularity=0.2)
    assert ids_of(slate)[:2] == ["red-mug", "blue-mug"]
    assert slate.items[0].reason == "matches your search"
    assert slate.items[0].tasks == {
        "ctr": None,
        "cvr": None,
        "engagement": None,
        "relevance": pytest.approx(0.9987, abs=1e-3),
    }
    assert list(slate.interests) == ["search"]


def test_a_search_without_a_hit_gives_a_newcomer_what_is_popular(small: Snapshot) -> None:
    slate = recommend(small, request(query="zzz"))
    assert ids_of(slate) == BY_POPULARITY
    assert slate.items[0].reason == "popular now"
    relevance = slate.items[0].tasks["relevance"]
    assert relevance is not None  # it was measured: it is what says that nothing was found
    assert relevance < Policy().search_hit


def test_a_search_without_a_hit_falls_back_on_the_long_term_interest(small: Snapshot) -> None:
    long_ago = did("purchase", "red-mug", 10 * DAY_MS)
    with_search = recommend(small, request(long_ago, query="zzz"))
    assert ids_of(with_search) == ids_of(recommend(small, request(long_ago)))
    assert ids_of(with_search)[0] == "red-mug"
    assert list(with_search.interests) == ["long_term", "search"]


def test_without_a_search_no_relevance_is_made_up(small: Snapshot) -> None:
    slate = recommend(small, request(did("view", "bike")))
    assert all(value is None for found in slate.items for value in found.tasks.values())


def test_without_an_encoder_a_search_is_answered_like_a_visit(small: Snapshot) -> None:
    slate = Recommender(small, None).recommend([request(query="mug")])[0]
    assert ids_of(slate) == BY_POPULARITY


def test_the_reason_names_the_interaction_that_brought_the_item(small: Snapshot) -> None:
    history = (did("view", "cable"), did("purchase", "red-mug"))
    slate = recommend(small, request(*history), weight_popularity=0.2)
    reasons = {found.item_id: found.reason for found in slate.items}
    assert reasons["blue-mug"] == "because you bought RED-MUG"
    assert reasons["cable"] == "you looked at it before"
    assert reasons["red-mug"] == "you bought it before"
    assert reasons["bike"] == "popular now"


def test_an_item_that_few_bought_is_not_called_popular(tmp_path: Path) -> None:
    shop = open_shop(tmp_path, ITEMS, VECTORS, [0.0, 2.0, 100.0, 10.0])
    slate = Recommender(shop, None).recommend([request()])[0]
    reasons = {found.item_id: found.reason for found in slate.items}
    assert reasons == {
        "cable": "popular now",
        "bike": "popular now",
        "blue-mug": "from our range",
        "red-mug": "from our range",
    }


def test_the_reason_names_the_category_where_no_interaction_is_known(small: Snapshot) -> None:
    slate = recommend(small, request(counts={"c:Sport": 9.0}))
    assert ids_of(slate)[0] == "bike"
    assert slate.items[0].reason == "because you like Sport"


def test_the_reason_never_names_an_interaction_that_points_elsewhere(small: Snapshot) -> None:
    elsewhere = did("view", "red-mug", DAY_MS)
    slate = recommend(small, request(elsewhere, counts={"c:Sport": 9.0}), centroid_share=0.9)
    assert slate.items[0].item_id == "bike"
    assert slate.items[0].reason == "because you like Sport"


def test_the_reason_weighs_what_was_done_and_not_only_what_is_near(small: Snapshot) -> None:
    history = (did("view", "blue-mug"), did("purchase", "cable"))
    slate = recommend(small, request(*history), weight_popularity=0.0)
    reasons = {found.item_id: found.reason for found in slate.items}
    # Cosines to the red mug: the blue one .98, the cable .10; weights 1 and 5.
    assert reasons["red-mug"] == "because you looked at BLUE-MUG"
    history = (did("view", "blue-mug", 30 * DAY_MS), did("purchase", "cable"))
    slate = recommend(small, request(*history), weight_popularity=0.0)
    reasons = {found.item_id: found.reason for found in slate.items}
    assert reasons["red-mug"] == "because you bought CABLE"


def test_what_was_bought_comes_back_unless_it_was_returned(small: Snapshot) -> None:
    bought = did("purchase", "bike", 10 * DAY_MS)
    returned = did("return", "bike", 10 * DAY_MS)
    counts = {"c:Kitchen": 1.0}
    kept = recommend(small, request(bought, counts=counts))
    gave_back = recommend(small, request(returned, bought, counts=counts))
    assert kept.items[0].item_id == "bike"
    bike = next(found for found in gave_back.items if found.item_id == "bike")
    popularity = Policy().weight_popularity * np.log1p(10) / np.log1p(100)
    assert bike.score == pytest.approx(popularity, abs=1e-5)
    assert bike.reason == "popular now"


def test_scores_below_zero_are_ordered_like_the_others(tmp_path: Path) -> None:
    vectors = [[-1.0, 0.3], [-1.0, 9.0], [1.0, 0.0], [-1.0, 0.0]]
    shop = open_shop(tmp_path, [item("far"), item("near"), item("seen"), item("opposite")], vectors)
    slate = Recommender(shop, None).recommend([request(did("view", "seen", 0))])[0]
    assert ids_of(slate) == ["near", "far", "opposite"]
    assert slate.items[0].score < 0


def test_a_long_title_is_cut_in_a_reason(tmp_path: Path) -> None:
    items = [item("a", title="word " * 100), item("b")]
    shop = open_shop(tmp_path, items, [[1.0, 0.1], [1.0, 0.0]])
    slate = Recommender(shop, None).recommend([request(did("view", "a", 0))])[0]
    assert ids_of(slate) == ["b"]
    assert slate.items[0].reason.endswith("word…")
    assert len(slate.items[0].reason) < 110


def test_what_was_touched_just_now_is_not_shown_back_unless_asked_for(small: Snapshot) -> None:
    seen = request(did("view", "bike", 59_000), did("view", "cable", 61_000))
    assert set(ids_of(recommend(small, seen, just_seen_window_ms=60_000))) == {
        "red-mug",
        "blue-mug",
        "cable",
    }
    assert "bike" in ids_of(recommend(small, seen, just_seen_window_ms=0))


def test_bought_items_come_back_by_default_and_stay_out_if_asked_for(small: Snapshot) -> None:
    bought = request(did("purchase", "bike", 6 * DAY_MS), did("purchase", "cable", 8 * DAY_MS))
    assert "bike" in ids_of(recommend(small, bought))
    left = ids_of(recommend(small, bought, exclude_bought=True))
    assert "bike" not in left
    assert "cable" in left


def test_a_list_is_full_however_much_the_rules_strike(tmp_path: Path) -> None:
    n = 300
    items = [item(f"i{number}") for number in range(n)]
    popularity = [float(n - number) for number in range(n)]
    shop = open_shop(tmp_path, items, np.eye(n, 310, dtype=np.float32), popularity)
    struck = [f"i{number}" for number in range(250)]
    slates = Recommender(shop, None).recommend([request(exclude=struck), request()])
    assert ids_of(slates[0]) == [f"i{number}" for number in range(250, 260)]
    assert ids_of(slates[1]) == [f"i{number}" for number in range(10)]


def test_a_drawn_list_does_not_depend_on_what_is_struck_for_others(tmp_path: Path) -> None:
    """What fills one user's list up is no candidate of another's: it would take its chances."""
    n = 60
    items = [item(f"i{number}", category="ab"[number % 2]) for number in range(n)]
    popularity = [float(n - number) for number in range(n)]
    shop = open_shop(tmp_path, items, np.eye(n, dtype=np.float32), popularity)
    policy = Policy(slate_size=3, draw="softmax", temperature=1.0)
    made = Recommender(shop, None, policy=policy)
    struck = [f"i{number}" for number in range(20)]
    held = Filter(categories=frozenset({"a"}))
    for asked in (request(), replace(request(), filter=held)):
        (alone,) = made.recommend([asked])
        beside = made.recommend([request(exclude=struck, user_id="other"), asked])[1]
        assert [(each.item_id, each.propensity) for each in beside.items] == [
            (each.item_id, each.propensity) for each in alone.items
        ]


def test_equal_scores_keep_the_order_of_the_catalogue(tmp_path: Path) -> None:
    items = [item(f"i{number}") for number in range(50)]
    shop = open_shop(tmp_path, items, np.ones((50, 4), np.float32))
    slate = Recommender(shop, None).recommend([request(did("view", "i40", 5 * MINUTE_MS))])[0]
    assert ids_of(slate) == [f"i{number}" for number in range(10)]


def test_an_empty_catalogue_gives_empty_lists(tmp_path: Path) -> None:
    shop = open_shop(tmp_path, [], np.empty((0, 3), np.float32))
    known = Recommender(shop, Words(WORDS))
    slates = known.recommend([request(did("view", "bike")), request(query="mug")])
    assert [(slate.items, slate.unknown_items) for slate in slates] == [((), 1), ((), 0)]


def test_no_requests_give_no_slates(small: Snapshot) -> None:
    assert Recommender(small, None).recommend([]) == []


def test_an_encoder_of_another_version_is_refused(small: Snapshot) -> None:
    words = Words(WORDS)
    words.version = "another"
    with pytest.raises(EncoderMismatchError, match="another"):
        Recommender(small, words)


def test_what_was_encoded_survives_a_new_snapshot(small: Snapshot, tmp_path: Path) -> None:
    words = Words(WORDS)
    before = Recommender(small, words)
    before.recommend([request(query="mug")])
    after = Recommender(open_shop(tmp_path, ITEMS, VECTORS), before.queries)
    after.recommend([request(query="mug")])
    assert isinstance(after.queries, QueryVectors)
    assert words.asked == [["mug"]]


def test_a_recommender_names_its_three_versions(small: Snapshot) -> None:
    policy = Policy(weight_search=3.0)
    made = Recommender(small, None, policy=policy)
    assert made.index_version == small.version
    assert made.encoder_version == small.encoder_version
    assert made.policy_version == policy.version


def test_interests_are_published_as_they_were_used(small: Snapshot) -> None:
    slate = recommend(small, request(did("view", "bike", 0), query="mug"))
    assert list(slate.interests) == ["short_term", "long_term", "search"]
    np.testing.assert_allclose(slate.interests["short_term"], [0, 0, 1])


def test_a_decision_is_made_for_its_moment(small: Snapshot) -> None:
    seen = request(did("view", "bike", 0))
    later = replace(seen, at_ms=NOW_MS + 30 * DAY_MS)
    assert list(recommend(small, seen).interests) == ["short_term", "long_term"]
    assert list(recommend(small, later).interests) == ["long_term"]


def test_a_ring_of_unknown_items_is_a_newcomers(small: Snapshot) -> None:
    gone = [did("purchase", f"gone-{number}") for number in range(3)]
    slate = recommend(small, request(*gone))
    assert ids_of(slate) == BY_POPULARITY
    assert slate.unknown_items == 3


def test_interactions_are_not_changed(small: Snapshot) -> None:
    ring: list[Interaction] = [did("view", "bike"), did("purchase", "cable")]
    before = list(ring)
    recommend(small, request(*ring))
    assert ring == before
