"""Related items in lists: what they bring, what they say, and what the live index changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index import LiveIndex, Snapshot
from scoring import Policy, PolicyError, Recommender, RelatedItems
from tests.scoring.shop import DAY_MS, did, item, open_shop, request

IDS = ["mug", "pot", "saw", "nail"]
TABLE = RelatedItems(
    ["gone", *IDS],
    np.array([[1, -1], [2, -1], [1, 3], [4, 0], [3, -1]], np.int32),
    np.array([[1, 0], [0.8, 0], [0.8, 0.2], [0.4, 0.3], [0.4, 0]], np.float32),
)
POLICY = Policy(slate_size=4, weight_popularity=0.0, weight_repeat=0.0, just_seen_window_ms=0)


@pytest.fixture
def shop(tmp_path: Path) -> Snapshot:
    """Four items whose vectors say that nothing is like anything else."""
    return open_shop(tmp_path, [item(each) for each in IDS], np.eye(4, 8, dtype=np.float32))


def test_what_goes_together_comes_before_what_does_not(shop: Snapshot) -> None:
    policy = Policy(slate_size=3, weight_popularity=0.0, exclude_bought=True)
    bought = request(did("purchase", "saw"))
    (slate,) = Recommender(shop, None, policy=policy, related=TABLE).recommend([bought])
    assert [each.item_id for each in slate.items] == ["nail", "mug", "pot"]
    assert slate.items[0].reason == "goes together with SAW"
    assert slate.items[0].score == pytest.approx(0.3 * 5 / 6, abs=1e-3)
    (plain,) = Recommender(shop, None, policy=policy).recommend([bought])
    assert [each.item_id for each in plain.items] == ["mug", "pot", "nail"]


def test_the_strongest_voice_is_named(shop: Snapshot) -> None:
    asked = request(did("view", "mug"), did("purchase", "nail", 10 * DAY_MS))
    (slate,) = Recommender(shop, None, policy=POLICY, related=TABLE).recommend([asked])
    said = {each.item_id: each.reason for each in slate.items}
    assert said["pot"] == "goes together with MUG"
    assert said["saw"] == "goes together with NAIL"


def test_what_came_back_does_not_speak(shop: Snapshot) -> None:
    asked = request(did("return", "saw"))
    (slate,) = Recommender(shop, None, policy=POLICY, related=TABLE).recommend([asked])
    assert not any(each.score for each in slate.items)


def test_a_quota_lowers_what_it_brings(shop: Snapshot) -> None:
    policy = Policy(
        slate_size=1,
        candidates=1,
        quotas={"related": 0},
        weight_popularity=0.0,
        exclude_bought=True,
    )
    (slate,) = Recommender(shop, None, policy=policy, related=TABLE).recommend(
        [request(did("purchase", "saw"))]
    )
    assert slate.items[0].score == 0
    with pytest.raises(PolicyError, match="related"):
        Policy(quotas={"relatives": 1})


def test_the_table_is_part_of_the_version(shop: Snapshot) -> None:
    plain, related = Recommender(shop, None), Recommender(shop, None, related=TABLE)
    assert related.policy_version == f"{plain.policy_version}+{TABLE.version}"


def test_changes_of_the_live_index_are_followed(shop: Snapshot) -> None:
    live = LiveIndex(shop)
    recommender = Recommender(live, None, policy=POLICY, related=TABLE)
    vector = np.eye(8, dtype=np.float32)[7]
    asked = request(did("purchase", "saw"))

    def score(item_id: str) -> float:
        (slate,) = recommender.recommend([asked])
        return {each.item_id: each.score for each in slate.items}.get(item_id, -1.0)

    before = score("nail")
    assert before > 0
    for change in (
        live.upsert(item("nail", price=2.0), vector),  # moves to a row of the delta
        live.upsert(item("gone"), vector),  # was unknown
    ):
        assert change is not None
        recommender.follow(change)
    assert score("nail") == pytest.approx(before)
    assert score("gone") == pytest.approx(before * 0.3 / 0.4, abs=1e-5)
    deleted = live.delete("nail")
    assert deleted is not None
    recommender.follow(deleted)
    assert score("nail") == -1.0
    assert score("gone") == pytest.approx(before, abs=1e-5)
