"""Rules of a file in the lists of a recommender: each acts, is counted, and says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from index import Filter, Item, LiveIndex, Snapshot
from scoring import History, Policy, Recommender, Request, Rules, Slate
from scoring.history import Shown, item_digest
from scoring.rules.book import RuleBook
from scoring.rules.limits import Caps
from scoring.rules.names import Rule
from scoring.rules.rule_file import Pin
from tests.scoring.shop import DAY_MS, NOW_MS, bought, did, item, open_shop, request

N = 12
TODAY = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()


def shop_items() -> list[Item]:
    """Most popular first: i0 … i11; categories a, b, c in turn, brands x and y, prices 1 … 12."""
    return [
        item(
            f"i{n}",
            title=f"Item {n} for tea" if n % 5 == 0 else f"Item {n}, teapot",
            category="abc"[n % 3],
            brand="xy"[n % 2],
            price=None if n == 11 else float(n + 1),
            in_stock=n != 3,
        )
        for n in range(N)
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    popularity = [float(2 ** (N - n)) for n in range(N)]
    vectors = np.eye(N, dtype=np.float32)
    return open_shop(tmp_path_factory.mktemp("index"), shop_items(), vectors, popularity)


def rules(**said: object) -> Rules:
    return msgspec.convert(said, Rules)


def list_of(
    shop: Snapshot | LiveIndex, said: Rules | None, asked: Request | None = None, size: int = 5
) -> Slate:
    policy = Policy(slate_size=size, just_seen_window_ms=0.0, weight_repeat=0.0)
    return Recommender(shop, None, policy=policy, rules=said).recommend([asked or request()])[0]


def ids_of(slate: Slate) -> list[str]:
    return [found.item_id for found in slate.items]


def test_without_a_file_only_the_stock_is_counted(shop: Snapshot) -> None:
    slate = list_of(shop, None)
    assert ids_of(slate) == ["i0", "i1", "i2", "i4", "i5"]
    assert slate.rules == {}, "the popular ones are in stock, and no other candidate was there"
    near = request(did("view", "i1"))
    assert list_of(shop, None, near).rules == {"stock": 1}


@pytest.mark.parametrize(
    ("said", "missing", "label"),
    [
        ({"block": {"items": ["i0", "gone"]}}, {"i0"}, "blocked_item"),
        ({"block": {"categories": ["b"]}}, {"i1", "i4", "i7", "i10"}, "blocked_category"),
        ({"block": {"brands": ["y"]}}, {"i1", "i5", "i7", "i9", "i11"}, "blocked_brand"),
        ({"block": {"words": ["TEA"]}}, {"i0", "i5", "i10"}, "blocked_word"),
        ({"block": {"words": ["for  tea"]}}, {"i0", "i5", "i10"}, "blocked_word"),
        ({"block": {"title_words": 3}}, {"i0", "i5", "i10"}, "blocked_length"),
        ({"price": {"min": 2, "max": 10}}, {"i0", "i10", "i11"}, "price"),
        ({"price": {"max": 1000}}, {"i11"}, "price"),
    ],
)
def test_what_is_blocked_is_in_no_list_and_counted(
    shop: Snapshot, said: dict[str, object], missing: set[str], label: str
) -> None:
    slate = list_of(shop, rules(**said), request(did("view", "i2")), size=N)
    assert set(ids_of(slate)) == {f"i{n}" for n in range(N)} - missing - {"i3"}
    assert slate.rules[label] == len(missing)


def test_of_two_rules_that_block_an_item_the_lower_number_is_counted(shop: Snapshot) -> None:
    """i0 is blocked by each of them; what is left of the rules counts it under the next one."""
    block: dict[str, object] = {
        "items": ["i0"],
        "categories": ["a"],
        "brands": ["x"],
        "words": ["tea"],
        "title_words": 3,
    }
    price = {"min": 2}
    counted = []
    for left_out in (None, *block):
        block = {name: said for name, said in block.items() if name != left_out}
        book = RuleBook(rules(block=block, price=price), shop.catalogue)
        assert book.blocked is not None
        counted.append(int(book.blocked[0]))
    assert counted == sorted(set(counted))
    assert counted[-1] == Rule.PRICE


@pytest.mark.parametrize(
    "said",
    [
        {"block": {"items": ["i0"]}},
        {"price": {"min": 2}},
        {"bought": {"days": 7, "cycle_days": {"items": {"i0": 2}}}},
        {"seen": {"times": 2}},
        {"floors": {"tail": 0.2, "categories": {"a": 0.2}}},
        {"caps": {"category": 1, "title": 1}},
    ],
)
def test_rules_hold_for_a_shop_that_begins_without_items(
    tmp_path: Path, said: dict[str, object]
) -> None:
    live = LiveIndex(open_shop(tmp_path, [], np.empty((0, 3), np.float32)))
    made = Recommender(live, None, rules=rules(**said))
    assert ids_of(made.recommend([request()])[0]) == []
    first = live.upsert(item("i1", price=3.0), np.eye(1, 3, dtype=np.float32)[0])
    assert first is not None
    made.follow(first)
    assert ids_of(made.recommend([request()])[0]) == ["i1"]


def test_the_list_stays_full_where_most_of_the_popular_are_blocked(shop: Snapshot) -> None:
    slate = list_of(shop, rules(block={"items": [f"i{n}" for n in range(6)]}))
    assert ids_of(slate) == ["i6", "i7", "i8", "i9", "i10"]


def test_what_was_bought_comes_back_after_its_own_cycle(shop: Snapshot) -> None:
    said = rules(bought={"days": 7, "cycle_days": {"categories": {"a": 30}, "items": {"i6": 2}}})
    past = [("i0", 20), ("i9", 31), ("i6", 3), ("i1", 6), ("i4", 8)]
    asked = request(*(did("purchase", which, days * DAY_MS) for which, days in past))
    slate = list_of(shop, said, asked, size=N)
    assert {"i0", "i1"}.isdisjoint(ids_of(slate))
    assert {"i9", "i6", "i4"} < set(ids_of(slate))
    assert slate.rules["bought"] == 2


def test_an_item_whose_cycle_is_over_says_so(shop: Snapshot) -> None:
    said = rules(bought={"days": 7, "cycle_days": {"items": {"i6": 2}}})
    asked = request(did("purchase", "i6", 3 * DAY_MS), did("purchase", "i7", 8 * DAY_MS))
    policy = Policy(slate_size=N, just_seen_window_ms=0.0, weight_repeat=9.0)
    slate = Recommender(shop, None, policy=policy, rules=said).recommend([asked])[0]
    reasons = {found.item_id: found.reason for found in slate.items}
    assert (reasons["i6"], reasons["i7"]) == ("time for it again", "you bought it before")


def test_a_purchase_beyond_the_ring_is_left_out_and_brought_as_any_other(shop: Snapshot) -> None:
    """The ring is full of views; only the log knows of the purchases."""
    seen = [did("view", "i8", n * 1000) for n in range(64)]
    log = [bought("i0", 20 * DAY_MS), bought("i9", 31 * DAY_MS), bought("i6", 3 * DAY_MS)]
    asked = request(*seen, log=log)
    alone = {"short_term": 0, "long_term": 0}  # nothing else would bring i6 and i9
    freely = Recommender(shop, None, policy=Policy(slate_size=3, weight_repeat=9.0, quotas=alone))
    assert {"i0", "i9", "i6"} == {each.item_id for each in freely.recommend([asked])[0].items}
    said = rules(bought={"days": 7, "cycle_days": {"categories": {"a": 30}, "items": {"i6": 2}}})
    obeying = Recommender(shop, None, policy=Policy(slate_size=20), rules=said)
    slate = obeying.recommend([asked])[0]
    assert {"i9", "i6"} <= {each.item_id for each in slate.items}
    assert "i0" not in {each.item_id for each in slate.items}
    assert slate.rules["bought"] == 1


@pytest.mark.parametrize("cycles", [{}, {"items": {"i2": 3}}])
def test_what_was_bought_holds_for_items_that_are_new(
    tmp_path: Path, cycles: dict[str, object]
) -> None:
    live = LiveIndex(open_shop(tmp_path, shop_items(), np.eye(N, dtype=np.float32)), spare=1)
    policy = Policy(slate_size=N + 3, just_seen_window_ms=0.0)
    said = rules(bought={"days": 30, "cycle_days": cycles})
    made = Recommender(live, None, policy=policy, rules=said)
    for number in range(3):
        change = live.upsert(item(f"new-{number}"), np.eye(1, N, number, dtype=np.float32)[0])
        assert change is not None
        made.follow(change)
    slate = made.recommend([request(did("purchase", "new-2", 9 * DAY_MS))])[0]
    assert {"new-0", "new-1"} < set(ids_of(slate))
    assert "new-2" not in ids_of(slate)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"category": 1}, ["i0", "i1", "i2"]),
        ({"brand": 2}, ["i0", "i1", "i2", "i5"]),
        ({"categories": {"a": 1}}, ["i0", "i1", "i2", "i4", "i5"]),
        ({"category": 1, "categories": {"b": 3}}, ["i0", "i1", "i2", "i4", "i7"]),
        ({"category": 2, "brands": {"x": 1}}, ["i0", "i1", "i5", "i7", "i9"]),
    ],
)
def test_a_cap_holds_and_the_list_is_filled_as_far_as_it_can_be(
    shop: Snapshot, said: dict[str, object], expected: list[str]
) -> None:
    assert ids_of(list_of(shop, rules(caps=said))) == expected


def test_the_smaller_of_policy_and_file_caps_a_category(shop: Snapshot) -> None:
    policy = Policy(slate_size=5, category_cap=1)
    made = Recommender(shop, None, policy=policy, rules=rules(caps={"category": 2}))
    assert ids_of(made.recommend([request()])[0]) == ["i0", "i1", "i2"]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Two items of each title but the last two, which have none; most popular first."""
    said = ["Red Mug", "red  MUG ", "Blue Mug", "Blue Mug", " ", ""]
    items = [item(f"t{n}", title=title) for n, title in enumerate(said)]
    popularity = [float(2 ** (6 - n)) for n in range(6)]
    vectors = np.eye(6, dtype=np.float32)
    return open_shop(tmp_path_factory.mktemp("index"), items, vectors, popularity)


@pytest.mark.parametrize(
    ("cap", "by_policy", "expected"),
    [
        (None, 0, ["t0", "t1", "t2", "t3", "t4", "t5"]),
        (1, 0, ["t0", "t2", "t4", "t5"]),
        (None, 1, ["t0", "t2", "t4", "t5"]),
        (2, 1, ["t0", "t2", "t4", "t5"]),
        (2, 0, ["t0", "t1", "t2", "t3", "t4", "t5"]),
    ],
)
def test_a_title_is_in_a_list_as_often_as_its_cap_says(
    twins: Snapshot, cap: int | None, by_policy: int, expected: list[str]
) -> None:
    """Whatever its capitals and spaces; items without a title are not one another's copies."""
    policy = Policy(slate_size=6, candidates=6, title_cap=by_policy)
    said = None if cap is None else rules(caps={"title": cap})
    assert ids_of(
        Recommender(twins, None, policy=policy, rules=said).recommend([request()])[0]
    ) == (expected)


def test_items_without_a_title_come_to_the_front_together(twins: Snapshot) -> None:
    caps = Caps(rules(caps={"title": 1}), Policy(), twins.catalogue)
    at = twins.catalogue.positions(["t0", "t1", "t4", "t5", "t2"])
    assert [twins.catalogue.ids[p] for p in caps.spread(at, 3)] == ["t0", "t4", "t5", "t1", "t2"]


def test_a_title_that_came_since_the_version_is_capped_as_well(twins: Snapshot) -> None:
    live = LiveIndex(twins)
    live.upsert(item("new", title="Blue mug"), np.eye(6, dtype=np.float32)[0])
    policy = Policy(slate_size=7, candidates=7, just_seen_window_ms=0.0)
    asked = request(did("view", "t0"))
    assert {"t2", "new"} <= set(
        ids_of(Recommender(live, None, policy=policy).recommend([asked])[0])
    )
    capped = Recommender(live, None, policy=replace(policy, title_cap=1)).recommend([asked])[0]
    assert len({"t2", "t3", "new"} & set(ids_of(capped))) == 1


def test_a_floor_holds_where_the_groups_most_popular_are_blocked(tmp_path: Path) -> None:
    """Of 40 unpopular items ten are blocked; the most popular of the others stand in for them."""
    n = 100
    items = [
        item(f"i{k}", category="few" if k >= 60 else "many", brand="no" if 60 <= k < 70 else "yes")
        for k in range(n)
    ]
    popularity = [float(n - k) for k in range(n)]
    large = open_shop(tmp_path, items, np.eye(n, dtype=np.float32), popularity)
    said = rules(floors={"categories": {"few": 0.2}}, block={"brands": ["no"]})
    slate = list_of(large, said, size=10)
    assert [ids_of(slate)[rank] for rank in (4, 9)] == ["i70", "i71"]


def test_who_was_passed_over_for_a_cap_is_counted(shop: Snapshot) -> None:
    slate = list_of(shop, rules(caps={"categories": {"b": 1}}), size=3)
    assert ids_of(slate) == ["i0", "i1", "i2"]
    assert slate.rules == {}
    slate = list_of(shop, rules(caps={"categories": {"b": 1}}), request(did("view", "i9")), size=6)
    assert slate.rules["category_cap"] >= 1


def test_a_pin_is_at_its_position_and_says_why(shop: Snapshot) -> None:
    said = rules(pins=[{"item": "i9", "position": 2, "reason": "deal of the week"}])
    slate = list_of(shop, said)
    assert ids_of(slate) == ["i0", "i9", "i1", "i2", "i4"]
    assert slate.items[1].reason == "deal of the week"
    assert slate.items[1].propensity == 1
    assert slate.rules == {"pin": 1}


@pytest.mark.parametrize(
    ("pin", "acts"),
    [
        ({"since": TODAY}, True),
        ({"until": TODAY}, True),
        ({"since": TODAY + timedelta(days=1)}, False),
        ({"until": TODAY - timedelta(days=1)}, False),
        ({"query": "Mug red"}, True),
        ({"query": "mug blue"}, False),
        ({"category": "a"}, True),
        ({"category": "b"}, False),
        ({"item": "i3"}, False),
        ({"item": "unheard-of"}, False),
        ({"item": "i1"}, False),
    ],
)
def test_a_pin_acts_where_its_conditions_and_the_hard_rules_let_it(
    shop: Snapshot, pin: dict[str, object], acts: bool
) -> None:
    said = Rules(pins=[msgspec.convert({"item": "i9", "position": 1} | pin, Pin, strict=True)])
    held = Filter(categories=frozenset({"a"}))
    asked = Request("u", NOW_MS, request().history, "a red mug", filter=held)
    slate = list_of(shop, said, asked)
    assert (slate.items[0].item_id == said.pins[0].item) == acts
    assert ("pin" in slate.rules) == acts


@pytest.mark.parametrize(
    ("pins", "found"),
    [
        ([("i9", 1), ("i5", 1)], ["i9", "i0", "i1"]),
        ([("i3", 1), ("i9", 1)], ["i9", "i0", "i1"]),  # i3 is not in stock
        ([("i9", 2), ("i9", 1)], ["i0", "i9", "i1"]),
        ([("i5", 2), ("i9", 2), ("i9", 1)], ["i9", "i5", "i0"]),
    ],
)
def test_of_pins_for_one_rank_or_of_one_item_the_first_that_can_acts(
    shop: Snapshot, pins: list[tuple[str, int]], found: list[str]
) -> None:
    said = rules(pins=[{"item": item_id, "position": at} for item_id, at in pins])
    for known in (request(), request(user_id="other")):
        assert ids_of(list_of(shop, said, known))[:3] == found


def seen(*shown: tuple[str, float], size: int = 1) -> list[Shown]:
    """Impressions of one item each, so many days ago, newest first."""
    return [
        Shown(n, NOW_MS - int(days * DAY_MS), item_digest(which).to_bytes(4, "little") * size)
        for n, (which, days) in enumerate(shown)
    ]


@pytest.mark.parametrize(
    ("shown", "done", "struck"),
    [
        ([("i0", 1), ("i0", 2), ("i0", 3)], [], True),
        ([("i0", 1), ("i0", 2)], [], False),
        ([("i0", 1), ("i0", 2), ("i0", 15)], [], False),
        ([("i0", 1), ("i0", 2), ("i0", 3)], [("i0", 2.5)], False),
        ([("i0", 1), ("i0", 2), ("i0", 3)], [("i0", 4)], True),
        ([("i0", 1), ("i0", 2), ("i0", 3)], [("i1", 0.5)], True),
        ([("i0", 1), ("i1", 2), ("i2", 3)], [], False),
    ],
)
def test_what_was_shown_often_and_never_answered_is_left_out(
    shop: Snapshot,
    shown: list[tuple[str, float]],
    done: list[tuple[str, float]],
    struck: bool,
) -> None:
    history = History(
        [did("view", which, days * DAY_MS) for which, days in done], shown=seen(*shown)
    )
    slate = list_of(shop, rules(seen={"times": 3, "days": 14}), Request("u", NOW_MS, history))
    assert ("i0" not in ids_of(slate)) == struck
    assert slate.rules.get("seen") == (1 if struck else None)
    assert len(slate.items) == 5


def test_an_item_twice_in_one_impression_was_shown_once(shop: Snapshot) -> None:
    history = History(shown=seen(("i0", 1), ("i0", 2), size=2))
    slate = list_of(shop, rules(seen={"times": 3}), Request("u", NOW_MS, history))
    assert ids_of(slate)[0] == "i0"


def test_a_list_is_full_where_all_that_is_popular_was_shown_often(shop: Snapshot) -> None:
    every = b"".join(item_digest(f"i{n}").to_bytes(4, "little") for n in range(6))
    history = History(shown=[Shown(n, NOW_MS - n, every) for n in range(4)])
    asked = [Request("u", NOW_MS, history), request()]
    policy = Policy(slate_size=5, just_seen_window_ms=0.0)
    made = Recommender(shop, None, policy=policy, rules=rules(seen={"times": 4}))
    first, second = made.recommend(asked)
    assert ids_of(first) == ["i6", "i7", "i8", "i9", "i10"]
    assert ids_of(second) == ["i0", "i1", "i2", "i4", "i5"]


def test_other_rules_hold_from_the_next_list_on(shop: Snapshot) -> None:
    made = Recommender(shop, None, policy=Policy(slate_size=2))
    before = made.recommend([request()])[0]
    assert made.rules_version is None
    said = rules(block={"items": ["i0"]})
    made.obey(said)
    assert ids_of(before)[0] == "i0"
    assert ids_of(made.recommend([request()])[0]) == ["i1", "i2"]
    assert made.rules_version == said.version


def test_an_item_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    live = LiveIndex(open_shop(tmp_path, shop_items(), np.eye(N, dtype=np.float32)), spare=1)
    said = rules(
        block={"words": ["used"]},
        price={"max": 50},
        bought={"days": 1, "cycle_days": {"categories": {"slow": 99}}},
    )
    policy = Policy(slate_size=N + 3, just_seen_window_ms=0.0)
    made = Recommender(live, None, policy=policy, rules=said)
    changed: list[dict[str, object]] = [
        {"title": "Used teapot"},
        {"price": 99.0},
        {"category": "slow"},
        {"price": 2.0},
    ]
    for number, changes in enumerate(changed):
        after = item(f"i{number * 2}", **({"category": "a", "price": 3.0} | changes))
        change = live.upsert(after, np.eye(1, N, number, dtype=np.float32)[0])
        assert change is not None
        made.follow(change)
    past = [did("purchase", which, 9 * DAY_MS) for which in ("i4", "i6")]
    slate = made.recommend([request(*past)])[0]
    assert set(ids_of(slate)) == {f"i{n}" for n in range(N)} - {"i0", "i2", "i3", "i4", "i11"}


def test_each_rule_has_a_name_of_its_own() -> None:
    assert len({rule.label for rule in Rule}) == len(Rule)
    assert date.fromisoformat("2027-01-15") == TODAY
