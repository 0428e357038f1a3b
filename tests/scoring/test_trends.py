"""What is bought now fills the lists of those of whom nothing is known; new items are brought."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index import Item, LiveIndex, Snapshot
from scoring import Policy, Recommender, Request, Slate
from scoring.policy import MARKS
from scoring.shop_counts import ShopCounts
from tests.scoring.shop import DAY_MS, NOW_MS, did, item, open_shop, request

N = 12


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """i0 … i11, the index saying that i0 is the most popular; i5 is sold out."""
    items = [item(f"i{n}", in_stock=n != 5) for n in range(N)]
    popularity = [float(2 ** (N - n)) for n in range(N)]
    return open_shop(
        tmp_path_factory.mktemp("index"), items, np.eye(N, dtype=np.float32), popularity
    )


def sold(shop: ShopCounts, item_id: str, n: int, age_days: float = 0.5, **more: object) -> None:
    at_ms = NOW_MS - int(age_days * DAY_MS)
    for _ in range(n):
        shop.observe(item_id, "purchase", at_ms, **more)  # type: ignore[arg-type]


def list_of(
    shop: Snapshot | LiveIndex, counts: ShopCounts, asked: Request | None = None, **policy: object
) -> Slate:
    chosen = Policy(**({"slate_size": 3, "just_seen_window_ms": 0.0} | policy))  # type: ignore[arg-type]
    made = Recommender(shop, None, policy=chosen, shop=counts, keeps_evidence=True)
    return made.recommend([asked or request()])[0]


def ids_of(slate: Slate) -> list[str]:
    return [found.item_id for found in slate.items]


def brought_by(slate: Slate, item_id: str) -> set[str]:
    evidence = slate.evidence
    assert evidence is not None
    marks = evidence.marks[evidence.item_ids.index(item_id)]
    return {name for bit, name in enumerate(MARKS) if marks >> bit & 1}


def test_what_is_bought_now_takes_the_place_of_what_was_popular_when_the_index_was_built(
    shop: Snapshot,
) -> None:
    counts = ShopCounts()
    assert ids_of(list_of(shop, counts)) == ["i0", "i1", "i2"]
    for place, item_id in enumerate(["i5", "i9", "i8", "i7"]):
        sold(counts, item_id, 100 - place)
    assert ids_of(list_of(shop, counts)) == ["i9", "i8", "i7"]
    assert list_of(shop, counts).items[0].reason == "popular now"


def test_counts_that_come_after_the_recommender_are_seen(shop: Snapshot) -> None:
    counts = ShopCounts()
    made = Recommender(shop, None, policy=Policy(slate_size=2), shop=counts)
    assert ids_of(made.recommend([request()])[0]) == ["i0", "i1"]
    sold(counts, "i9", 250)
    sold(counts, "i7", 240)
    later = Request("u", NOW_MS + 1_000, request().history)
    assert ids_of(made.recommend([later])[0]) == ["i9", "i7"]


def test_too_few_purchases_say_nothing(shop: Snapshot) -> None:
    counts = ShopCounts()
    sold(counts, "i9", 150)
    assert ids_of(list_of(shop, counts)) == ["i0", "i1", "i2"]


def test_a_newcomer_gets_what_newcomers_from_alike_regions_buy(shop: Snapshot) -> None:
    counts = ShopCounts()
    sold(counts, "i9", 300, region="GB", newcomer=False)
    sold(counts, "i8", 120, region="GB", newcomer=True)
    sold(counts, "i7", 100, region="FR", newcomer=True)
    asked = {region: request(region=region) for region in ("GB", "DE", None)}
    lists = {region: ids_of(list_of(shop, counts, each)) for region, each in asked.items()}
    assert lists["GB"][:2] == ["i8", "i9"]
    assert lists["DE"][:2] == ["i7", "i9"], "from elsewhere, so as those who are not from home"
    assert lists[None] == ["i8", "i7", "i9"]
    regular = list_of(shop, counts, request(did("purchase", "i1", 90 * DAY_MS), region="DE"))
    assert ids_of(regular)[0] == "i9"


def test_new_items_are_brought_to_those_who_like_what_is_near_and_say_that_they_are_new(
    tmp_path: Path,
) -> None:
    """Ten new things for a list of two; none of them is popular, and one is near."""
    items = [item(f"i{n}") for n in range(30)]
    vectors = np.eye(30, dtype=np.float32)
    vectors[20] = vectors[1] * 0.8 + vectors[20] * 0.6
    shop = open_shop(tmp_path, items, vectors, [1.0] * 30)
    counts = ShopCounts()
    for n in range(20):
        sold(counts, f"i{n}", 30, age_days=20 + n)
        sold(counts, f"i{n}", 30, age_days=2)
    for n in range(20, 30):
        sold(counts, f"i{n}", 1, age_days=3)
    quotas = {"new_items": 1, "short_term": 0, "long_term": 0, "trending": 3}
    asked = request(did("purchase", "i1", 1 * DAY_MS))
    slate = list_of(shop, counts, asked, slate_size=4, quotas=quotas, weight_long_term=9.0)
    assert "i20" in ids_of(slate)
    assert brought_by(slate, "i20") == {"new_items"}
    assert brought_by(slate, "i1") >= {"bought"}
    assert slate.evidence is not None
    assert not any(f"i{n}" in slate.evidence.item_ids for n in range(21, 30))
    silent = list_of(
        shop,
        counts,
        request(),
        slate_size=30,
        quotas=quotas | {"new_items": 10},
        weight_popularity=0.0,
    )
    reasons = {found.item_id: found.reason for found in silent.items}
    assert reasons["i25"] == "new in the shop"
    assert reasons["i2"] == "from our range"


def test_everything_is_not_new_while_counting_has_just_begun(shop: Snapshot) -> None:
    counts = ShopCounts()
    for n in range(N):
        sold(counts, f"i{n}", 30, age_days=3)
    slate = list_of(shop, counts, weight_popularity=0.0)
    assert {found.reason for found in slate.items} == {"from our range"}


def test_quotas_hold_for_what_is_trending(shop: Snapshot) -> None:
    counts = ShopCounts()
    for n in range(N):
        sold(counts, f"i{n}", 100 - n)
    slate = list_of(shop, counts, quotas={"trending": 5}, slate_size=1)
    assert slate.evidence is not None
    every = slate.evidence.item_ids
    trending = {item_id for item_id in every if "trending" in brought_by(slate, item_id)}
    assert trending == {"i0", "i1", "i2", "i3", "i4"}
    assert brought_by(slate, "i0") == {"trending", "popular"}


def test_counts_follow_items_that_change_in_a_live_index(shop: Snapshot) -> None:
    live, counts = LiveIndex(shop), ShopCounts()
    for place, item_id in enumerate(["i9", "late", "i7"]):
        sold(counts, item_id, 150 - place)
    policy = Policy(slate_size=2, just_seen_window_ms=0.0)
    made = Recommender(live, None, policy=policy, shop=counts)
    assert ids_of(made.recommend([request()])[0]) == ["i9", "i7"]
    upserted = live.upsert(Item(item_id="late", title="LATE"), np.eye(N, dtype=np.float32)[3])
    assert upserted is not None
    made.follow(upserted)
    later = Request("u", NOW_MS + 20_000, request().history)
    assert ids_of(made.recommend([later])[0]) == ["i9", "late"]
    deleted = live.delete("i9")
    assert deleted is not None
    made.follow(deleted)
    latest = Request("u", NOW_MS + 40_000, request().history)
    assert ids_of(made.recommend([latest])[0]) == ["late", "i7"]
