"""Lists of a recommender that draws: the propensities it publishes, and the list drawn again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from index import Snapshot
from scoring import Policy, PolicyError, Recommender, Request, Rules
from scoring.slates.evidence import replay
from tests.scoring.shop import did, item, open_shop, request

N = 40


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    rng = np.random.default_rng(2)
    items = [item(f"i{n}", category="abcd"[n % 4], brand="xyz"[n % 3]) for n in range(N)]
    vectors = rng.normal(size=(N, 12)).astype(np.float32) + 0.3
    return open_shop(tmp_path_factory.mktemp("index"), items, vectors, rng.pareto(1, N).tolist())


def requests(n: int) -> list[Request]:
    """One user, n lists."""
    asked = request(did("view", "i3"), did("purchase", "i8"))
    return [replace(asked, recommendation_id=f"list {number}") for number in range(n)]


def policy(**numbers: object) -> Policy:
    return Policy(**({"slate_size": 5, "just_seen_window_ms": 0.0} | numbers))  # type: ignore[arg-type]


def test_what_is_published_comes_as_often_as_it_says(shop: Snapshot) -> None:
    made = Recommender(shop, None, policy=policy(draw="softmax", temperature=0.3))
    slates = made.recommend(requests(3_000))
    first = Counter(slate.items[0].item_id for slate in slates)
    said = {slate.items[0].item_id: slate.items[0].propensity for slate in slates}
    for item_id, count in first.items():
        p = said[item_id]
        assert abs(count - 3_000 * p) < 5 * np.sqrt(3_000 * p * (1 - p)) + 1
    assert len(first) > 3
    again = made.recommend(requests(3_000)[::-1])[::-1]
    assert [slate.items for slate in again] == [slate.items for slate in slates]


def test_without_chance_or_rules_both_ways_of_making_a_list_agree(shop: Snapshot) -> None:
    asked = [request(did("view", f"i{n}")) for n in range(N)]
    quick = Recommender(shop, None, policy=policy()).recommend(asked)
    drawn = Recommender(shop, None, policy=policy(), keeps_evidence=True).recommend(asked)
    assert [slate.items for slate in drawn] == [slate.items for slate in quick]


RULES = {
    "caps": {"category": 2, "brands": {"x": 1}},
    "block": {"items": ["i1"]},
    "pins": [{"item": "i7", "position": 3}],
}


@pytest.mark.parametrize("diversity", ["none", "mmr", "dpp"])
@pytest.mark.parametrize("draw", ["best", "softmax", "thompson"])
def test_a_list_is_drawn_again_bit_for_bit_from_its_evidence(
    shop: Snapshot, draw: str, diversity: str
) -> None:
    made = Recommender(
        shop,
        None,
        policy=policy(draw=draw, diversity=diversity, temperature=0.3, epsilon=0.1),
        rules=msgspec.convert(RULES, Rules),
        keeps_evidence=True,
    )
    for slate in made.recommend(requests(20)):
        assert slate.evidence is not None
        positions = shop.catalogue.positions(slate.evidence.item_ids)
        again = replay(slate.evidence, shop.gather(positions))
        assert list(again.item_ids) == [found.item_id for found in slate.items]
        assert list(again.propensities) == [found.propensity for found in slate.items]
        assert again.item_ids[2] == "i7"
        assert again.pinned == (False, False, True, False, False)


@pytest.mark.parametrize("draw", ["best", "softmax", "thompson"])
def test_a_list_of_nothing_is_drawn_again_as_nothing(shop: Snapshot, draw: str) -> None:
    made = Recommender(shop, None, policy=policy(draw=draw), keeps_evidence=True)
    nothing = request(exclude=[f"i{n}" for n in range(N)])
    slate, other = made.recommend([nothing, *requests(1)])
    assert slate.items == ()
    assert other.items
    assert slate.evidence is not None
    assert replay(slate.evidence).item_ids == ()


def test_diversity_makes_a_list_of_less_alike_items(shop: Snapshot) -> None:
    def alike(**numbers: object) -> float:
        made = Recommender(shop, None, policy=policy(**numbers))
        (slate,) = made.recommend(requests(1))
        rows = shop.gather(shop.catalogue.positions([found.item_id for found in slate.items]))
        return float((rows @ rows.T)[np.triu_indices(5, 1)].mean())

    plain = alike()
    for kind in ("mmr", "dpp"):
        assert alike(diversity=kind, relevance_share=1.0) == plain
        assert alike(diversity=kind, relevance_share=0.3) < plain - 0.1


def test_an_empty_shop_gives_empty_lists_whatever_the_policy(tmp_path: Path) -> None:
    shop = open_shop(tmp_path, [], np.empty((0, 3), np.float32))
    made = Recommender(shop, None, policy=policy(draw="softmax", diversity="dpp", brand_cap=1))
    assert [slate.items for slate in made.recommend(requests(2))] == [(), ()]


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"draw": "sofmax"}, "known are best, softmax, thompson"),
        ({"diversity": "mrr"}, "known are none, mmr, dpp"),
        ({"temperature": 0.0}, "temperature"),
        ({"epsilon": 1.1}, "epsilon is 1.1"),
        ({"relevance_share": -0.1}, "relevance_share"),
        ({"weight_deviation": -1.0}, "weight_deviation"),
        ({"weight_deviation": 0.0}, "weight_deviation"),
        ({"brand_cap": -1}, "brand_cap"),
        ({"title_cap": -1}, "title_cap"),
    ],
)
def test_a_policy_that_draws_nothing_is_refused(numbers: dict[str, object], complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        policy(**numbers)


def test_every_number_of_a_draw_is_in_the_version() -> None:
    others = {"draw": "softmax", "temperature": 0.2, "epsilon": 0.1, "diversity": "mmr"}
    others |= {"relevance_share": 0.5, "weight_deviation": 0.1, "category_cap": 1, "brand_cap": 1}
    others |= {"title_cap": 1}
    versions = {policy(**{name: value}).version for name, value in others.items()}
    assert len(versions | {policy().version}) == len(others) + 1
