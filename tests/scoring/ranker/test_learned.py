"""Lists that a learned ranker orders: heads, weights, tasks, reasons, other heads, its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from index import LiveIndex, Snapshot
from scoring import Policy, Recommender
from scoring.errors import RankerError
from scoring.ranker.alike import Customers
from scoring.ranker.closed_form import TABLES
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.knowledge import Knowledge
from scoring.ranker.learned import LearnedRanking
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.ranker import Ranker, load_ranker
from scoring.ranker.tables import ItemTables
from scoring.shop_counts import ShopCounts
from tests.scoring.fake_gpu import GPU
from tests.scoring.shop import DAY_MS, NOW_MS, Words, did, item, open_shop, request

IDS = ["mug", "pot", "saw", "nail"]
POLICY = Policy(slate_size=4, just_seen_window_ms=0)


def knowledge() -> Knowledge:
    """Who buys a saw buys nails, by every table; "gone" is in no catalogue."""
    ids = ["gone", "saw", "nail"]
    weights = np.tile(np.array([0.9, 0.5, 0.1], np.float32), (len(TABLES), 1))
    tables = ItemTables(ids, np.array([0, 0, 2, 3]), np.array([0, 2, 1], np.int32), weights)
    nobody = np.zeros(0, np.int64)
    customers = Customers(
        nobody, np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    )
    return Knowledge(tables, customers)


def heads(*tasks: str, **weights: float) -> Heads:
    """Linear ones that weigh some columns."""
    network = HeadsNetwork(len(FEATURES), max(len(tasks), 1), n_hidden=0)
    with torch.no_grad():
        network.heads.weight.zero_()
        network.heads.bias.zero_()
        for name, weight in weights.items():
            network.heads.weight[-1, FEATURES.index(name)] = weight
    return Heads.of(FEATURES, tasks or ("cvr",), network)


@pytest.fixture
def shop(tmp_path: Path) -> Snapshot:
    """Four items whose vectors say that nothing is like anything else."""
    return open_shop(tmp_path / "i", [item(each) for each in IDS], np.eye(4, 8, dtype=np.float32))


def ids_of(recommender: Recommender, *did_what: object) -> list[str]:
    (slate,) = recommender.recommend([request(*did_what)])  # type: ignore[arg-type]
    return [each.item_id for each in slate.items]


def test_heads_order_lists_and_say_what_they_predict(shop: Snapshot) -> None:
    ranker = Ranker(heads(following=2.0, times=-1.0), knowledge())
    made = Recommender(shop, None, policy=POLICY, ranker=ranker)
    (slate,) = made.recommend([request(did("purchase", "saw", 5 * DAY_MS))])
    assert [each.item_id for each in slate.items] == ["nail", "mug", "pot", "saw"]
    # One item of the past, so its weight is 1: 2 * 0.5.
    expected = 1 / (1 + np.exp(-1.0))
    assert slate.items[0].tasks == {
        "ctr": None,
        "engagement": None,
        "cvr": pytest.approx(expected, abs=1e-5),
        "relevance": None,
    }
    assert slate.items[0].score == pytest.approx(expected, abs=1e-5)
    assert slate.items[3].reason == "you bought it before"
    assert made.heads_version == ranker.heads.version
    assert made.policy_version == f"{POLICY.version}+{ranker.version}"


def test_weights_of_the_policy_add_up_tasks(shop: Snapshot) -> None:
    policy = Policy(slate_size=4, weight_ctr=3.0, weight_engagement=0.0, weight_cvr=2.0)
    ranker = Ranker(heads("ctr", "engagement", "cvr"), knowledge())
    (slate,) = Recommender(shop, None, policy=policy, ranker=ranker).recommend([request()])
    assert [each.score for each in slate.items] == [pytest.approx(2.5)] * 4


def test_what_a_slate_policy_has_learned_is_the_score_that_its_softmax_draws_from(
    shop: Snapshot,
) -> None:
    """Heads of one value: no chances to say, and propensities are its Plackett-Luce."""
    learned = heads("value", following=2.0, times=-1.0)
    drawn = Policy(
        slate_size=4, just_seen_window_ms=0, weight_value=0.5, draw="softmax", temperature=1.0
    )
    made = Recommender(shop, None, policy=drawn, ranker=Ranker(learned, knowledge()))
    (slate,) = made.recommend([request(did("purchase", "saw", 5 * DAY_MS))])
    scores = np.array([each.score for each in slate.items])
    by_item = dict(zip([each.item_id for each in slate.items], scores, strict=True))
    assert by_item["nail"] == pytest.approx(0.5, abs=1e-5)  # half of 2 * 0.5
    assert by_item["saw"] == pytest.approx(-0.5 * np.log(2), abs=1e-5)  # bought once: log(1 + 1)
    left = np.exp(scores)[::-1].cumsum()[::-1]  # of what each rank had to choose from
    assert [each.propensity for each in slate.items] == pytest.approx(
        np.exp(scores) / left, abs=1e-5
    )
    assert slate.items[0].tasks["cvr"] is None


@pytest.mark.parametrize(("weight", "first"), [(3e38, "saw"), (-3e38, "mug")])
def test_a_value_beyond_all_bounds_orders_a_list_that_records_hold(
    shop: Snapshot, weight: float, first: str
) -> None:
    """JSON has no infinity, and a record no score above 1e9: nobody could read such a list."""
    ranker = Ranker(heads("value", in_session=weight), knowledge())
    policy = replace(POLICY, weight_value=1e5)
    (made,) = Recommender(shop, None, policy=policy, ranker=ranker).recommend(
        [request(did("cart", "saw"))]
    )
    assert made.items[0].item_id == first
    assert max(abs(each.score) for each in made.items) == pytest.approx(1e8)


def test_a_search_has_its_own_weight(shop: Snapshot) -> None:
    words = Words({"pot": [0, 1, 0, 0, 0, 0, 0, 0]})
    made = Recommender(shop, words, policy=POLICY, ranker=Ranker(heads(), knowledge()))
    (slate,) = made.recommend([request(query="pot")])
    assert slate.items[0].item_id == "pot"
    assert slate.items[0].score == pytest.approx(0.5 + POLICY.weight_relevance)
    assert slate.items[0].reason == "matches your search"


def test_what_sells_in_the_whole_shop_is_a_column(shop: Snapshot) -> None:
    counts = ShopCounts()
    for _ in range(5):
        counts.observe("pot", "purchase", NOW_MS - DAY_MS)
    ranker = Ranker(heads(sold_14d=1.0), knowledge())
    made = Recommender(shop, None, policy=POLICY, ranker=ranker, shop=counts)
    assert ids_of(made)[0] == "pot"


def test_tables_bring_what_nothing_else_finds(tmp_path: Path) -> None:
    many = [item(f"x{n:02}") for n in range(40)] + [item("saw"), item("nail")]
    vectors = np.eye(42, 64, dtype=np.float32)
    popularity = [50.0 - n for n in range(40)] + [0.0, 0.0]
    crowd = open_shop(tmp_path, many, vectors, popularity)
    policy = Policy(slate_size=2, candidates=2, just_seen_window_ms=0)
    asked = did("purchase", "saw", 5 * DAY_MS)
    ranker = Ranker(heads(following=1.0, times=-1.0), knowledge())
    assert ids_of(Recommender(crowd, None, policy=policy, ranker=ranker), asked)[0] == "nail"
    none = Policy(slate_size=2, candidates=2, just_seen_window_ms=0, quotas={"tables": 0})
    assert "nail" not in ids_of(Recommender(crowd, None, policy=none, ranker=ranker), asked)


def test_other_heads_are_taken_between_batches(shop: Snapshot) -> None:
    made = Recommender(shop, None, policy=POLICY, ranker=Ranker(heads(times=1.0), knowledge()))
    asked = did("purchase", "saw", 5 * DAY_MS)
    assert ids_of(made, asked)[0] == "saw"
    newer = heads(times=-1.0)
    made.take_heads(newer)
    assert made.heads_version == newer.version
    assert ids_of(made, asked)[-1] == "saw"


def test_other_heads_score_where_the_former_ones_did(
    shop: Snapshot, fake_gpu: FakeTensorMode
) -> None:
    there = Ranker(heads("cvr").on(GPU), knowledge())
    ranking = LearnedRanking(there, shop.catalogue)
    newer = heads("cvr", times=1.0)
    ranking.take(newer)
    assert ranking.heads.version == newer.version
    assert ranking.heads.served.device == GPU


def test_heads_that_read_other_columns_are_refused(shop: Snapshot) -> None:
    made = Recommender(shop, None, policy=POLICY, ranker=Ranker(heads(), knowledge()))
    other = Heads.of(("a", "b"), ("cvr",), HeadsNetwork(2, 1))
    with pytest.raises(RankerError, match="2 columns"):
        made.take_heads(other)
    assert made.heads_version == heads().version
    with pytest.raises(RankerError, match="2 columns"):
        Recommender(shop, None, ranker=Ranker(other, knowledge()))
    with pytest.raises(RankerError, match="there is no ranker"):
        Recommender(shop, None).take_heads(heads())


def test_evidence_has_the_columns_that_each_item_was_scored_with(shop: Snapshot) -> None:
    ranker = Ranker(heads(following=2.0), knowledge())
    made = Recommender(shop, None, policy=POLICY, ranker=ranker, keeps_evidence=True)
    (slate,) = made.recommend([request(did("purchase", "saw", 5 * DAY_MS))])
    assert slate.features is not None
    assert slate.features.shape == (4, len(FEATURES))
    again = ranker.heads.score(slate.features)[:, 0]
    assert again == pytest.approx([each.tasks["cvr"] for each in slate.items], abs=1e-6)


def test_a_list_does_not_depend_on_who_else_is_asked_for(shop: Snapshot) -> None:
    ranker = Ranker(heads(following=2.0, place_following=0.5, n_own=0.1), knowledge())
    made = Recommender(shop, None, policy=POLICY, ranker=ranker)
    requests = [
        request(user_id="a"),
        request(did("purchase", "saw", 5 * DAY_MS), user_id="b"),
        request(did("cart", "nail"), did("purchase", "saw", DAY_MS), user_id="c"),
    ]
    together = made.recommend(requests)
    for asked, slate in zip(requests, together, strict=True):
        (alone,) = made.recommend([asked])
        assert [each.item_id for each in alone.items] == [each.item_id for each in slate.items]


def test_more_users_than_are_ranked_at_once_get_their_own_lists(shop: Snapshot) -> None:
    ranker = Ranker(heads(following=2.0, times=-1.0), knowledge())
    made = Recommender(shop, None, policy=POLICY, ranker=ranker)
    buyers = range(0, 150, 7)
    requests = [
        request(did("purchase", "saw", 5 * DAY_MS)) if user in buyers else request()
        for user in range(150)
    ]
    slates = made.recommend(requests)
    firsts = [slate.items[0].item_id == "nail" for slate in slates]
    assert firsts == [user in buyers for user in range(150)]


def test_columns_of_the_shop_follow_its_counts(shop: Snapshot) -> None:
    counts = ShopCounts()
    ranker = Ranker(heads(sold_14d=1.0), knowledge())
    made = Recommender(shop, None, policy=POLICY, ranker=ranker, shop=counts)
    counts.observe("pot", "purchase", NOW_MS - DAY_MS)
    assert ids_of(made)[0] == "pot"
    for _ in range(3):
        counts.observe("saw", "purchase", NOW_MS - DAY_MS)
    later = replace(request(), at_ms=NOW_MS + 2_000)
    assert made.recommend([later])[0].items[0].item_id == "saw"


def test_a_changed_item_is_found_again(shop: Snapshot) -> None:
    live = LiveIndex(shop)
    made = Recommender(live, None, policy=POLICY, ranker=Ranker(heads(following=2.0), knowledge()))
    asked = did("purchase", "saw", 5 * DAY_MS)
    changed = live.upsert(item("nail", price=3.0), np.eye(1, 8, 5, dtype=np.float32)[0])
    assert changed is not None
    made.follow(changed)
    assert ids_of(made, asked)[0] == "nail"
    gone = live.delete("nail")
    assert gone is not None
    made.follow(gone)
    assert "nail" not in ids_of(made, asked)


def test_a_folder_gives_the_same_ranker(tmp_path: Path) -> None:
    ranker = Ranker(heads(following=2.0), knowledge())
    ranker.save(tmp_path)
    found = load_ranker(tmp_path)
    assert (found.version, found.heads.version) == (ranker.version, ranker.heads.version)
    assert found.knowledge.tables.item_ids == ["gone", "saw", "nail"]


@pytest.mark.parametrize("name", ["ranker.json", "heads.safetensors", "knowledge.safetensors"])
@pytest.mark.parametrize("spoil", ["missing", "cut", "changed", "no text"])
def test_a_damaged_folder_is_refused(tmp_path: Path, name: str, spoil: str) -> None:
    Ranker(heads(following=2.0), knowledge()).save(tmp_path)
    file = tmp_path / name
    raw = file.read_bytes()
    file.unlink()
    if spoil == "cut":
        file.write_bytes(raw[: len(raw) // 2])
    if spoil == "changed":
        file.write_bytes(raw.replace(b"saw", b"sew") if name == "ranker.json" else _one_bit(raw))
    if spoil == "no text":
        file.write_bytes(raw.replace(b"saw", b"s\xffw") if name == "ranker.json" else b"\xff" * 99)
    with pytest.raises(RankerError, match=str(tmp_path)):
        load_ranker(tmp_path)


def _one_bit(raw: bytes) -> bytes:
    return raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:]
