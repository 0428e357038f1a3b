"""Floors: a group has its share from the head of every list on, and propensities stay exact."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import Policy, Recommender, Request, Rules
from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import replay
from scoring.slates.field import UNLIMITED, Cap, Drawn, Field, Floor
from scoring.slates.offered import offered
from tests.scoring.shop import DAY_MS, did, item, open_shop, request
from tests.scoring.slates.one_by_one import next_item

SCORES = [1.0, 0.9, 0.8, 0.7, 0.2, 0.1, 0.0]
MEMBERS = [4, 5, 6]


def field_of(n_lists: int, share: float, pins: dict[int, int] | None = None) -> Field:
    shape = (n_lists, len(SCORES))
    members = np.zeros(shape, np.bool_)
    members[:, MEMBERS] = True
    pinned = np.full((n_lists, 4), -1)
    for rank, place in (pins or {}).items():
        pinned[:, rank] = place
    caps = [Cap("c", np.tile([0, 0, 1, 2, 3, 3, 4], (n_lists, 1)), np.full(shape, UNLIMITED))]
    return Field(
        np.tile(SCORES, (n_lists, 1)),
        np.ones(shape, np.bool_),
        caps,
        pinned,
        floors=[Floor("tail_floor", members, share)],
    )


def lists_of(field: Field, drawing: Drawing) -> Drawn:
    n = len(field.scores)
    return draw(field, drawing, uniforms([f"list {i}" for i in range(n)], drawing.size))


@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("pins", [{}, {1: 5}, {0: 0}])
@pytest.mark.parametrize("epsilon", [0.0, 0.2])
def test_propensities_are_those_of_drawing_from_what_the_floor_leaves(
    share: float, pins: dict[int, int], epsilon: float
) -> None:
    drawing = Drawing(4, "softmax", 0.5, epsilon)
    drawn = lists_of(field_of(1_500, share, pins), drawing)
    after: dict[tuple[int, ...], dict[int, float]] = defaultdict(dict)
    for places, propensities in zip(
        drawn.places.tolist(), drawn.propensities.tolist(), strict=True
    ):
        for rank in range(4):
            after[tuple(places[:rank])][places[rank]] = propensities[rank]
    for above, found in after.items():
        expected = next_item(above, SCORES, drawing, pins=pins, members=MEMBERS, floor=share)
        assert found == {i: pytest.approx(expected[i], rel=1e-6) for i in found}
    assert sum(after[()].values()) == pytest.approx(1.0, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_first_items_of_every_list_hold_the_share_as_far_as_there_are_any(
    data: st.DataObject,
) -> None:
    n, size = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 8))
    scores = np.array([data.draw(st.lists(st.floats(-2, 2), min_size=n, max_size=n))])
    members = np.array([data.draw(st.lists(st.booleans(), min_size=n, max_size=n))])
    share = data.draw(st.sampled_from([0.1, 0.25, 0.34, 0.5, 0.9, 1.0]))
    drawing = data.draw(st.sampled_from([Drawing(size), Drawing(size, "softmax", 0.3, 0.1)]))
    field = Field(scores, np.ones((1, n), np.bool_), floors=[Floor("f", members, share)])
    drawn = draw(field, drawing, uniforms(["x"], size))
    places = drawn.places[0, drawn.exists[0]].tolist()
    assert len(places) == min(n, size)
    inside = [bool(members[0, place]) for place in places]
    for r in range(1, len(places) + 1):
        assert sum(inside[:r]) >= min(math.floor(share * r + 1e-9), int(members.sum()))
    masks = offered(field, drawn)
    for rank, place in enumerate(places):
        assert masks[0, rank, place], "what came is among what could have come"
    if drawing.is_certain:
        for rank, place in enumerate(places):
            assert scores[0, place] == scores[0, masks[0, rank]].max()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_groups_of_one_kind_that_fall_due_together_all_come_in_time(data: st.DataObject) -> None:
    """A rank has what leaves room for all that is due up to each later one, and nothing less."""
    size, n_groups = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 5))
    parts = data.draw(st.lists(st.integers(1, 9), min_size=n_groups + 1, max_size=n_groups + 1))
    shares = [part / (sum(parts) - parts[-1] * data.draw(st.booleans())) for part in parts[:-1]]
    group_of = np.arange((n_groups + 1) * size) % (n_groups + 1)  # the last one has no floor
    scores = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=len(group_of))
    floors = [Floor(f"kind:{g}", (group_of == g)[None], share) for g, share in enumerate(shares)]
    field = Field(scores[None], np.ones((1, len(scores)), np.bool_), floors=floors)
    drawing = Drawing(size, "softmax", 0.5)
    drawn = draw(field, drawing, uniforms([f"list {data.draw(st.integers(0, 99))}"], size))
    places, masks = drawn.places[0].tolist(), offered(field, drawn)[0]

    def lacking(groups: list[int], r: int) -> int:
        return sum(
            max(math.floor(share * r + 1e-9) - groups.count(g), 0) for g, share in enumerate(shares)
        )

    def is_in_time(groups: list[int]) -> bool:
        return all(lacking(groups, r) <= r - len(groups) for r in range(len(groups), size + 1))

    for rank, place in enumerate(places):
        above = places[:rank]
        groups = group_of[above].tolist()
        may = [
            item
            for item in range(len(scores))
            if item not in above and is_in_time([*groups, int(group_of[item])])
        ]
        assert np.flatnonzero(masks[rank]).tolist() == may
        likely = np.exp((scores[may] - scores[may].max()) / drawing.temperature)
        said = drawn.propensities[0, rank]
        assert said == pytest.approx(likely[may.index(place)] / likely.sum(), rel=1e-9)
    assert is_in_time(group_of[places].tolist())


def test_without_a_floor_nothing_changes_and_with_one_it_is_counted() -> None:
    drawing = Drawing(4)
    with_floor, without = field_of(2, 0.5), field_of(2, 0.01)
    assert lists_of(without, drawing).places[0].tolist() == [0, 1, 2, 3]
    drawn = lists_of(with_floor, drawing)
    assert drawn.places[0].tolist() == [0, 4, 1, 5]
    assert drawn.capped["tail_floor"].tolist() == [2, 2]
    pinned = lists_of(field_of(1, 1.0, {1: 3}), drawing)
    assert pinned.places[0].tolist() == [4, 3, 5, 6]
    assert pinned.capped["tail_floor"].tolist() == [3], "at the pin's rank nothing was left out"


RULES = {"floors": {"tail": 0.4, "categories": {"Rare": 0.2}}}


def shop_of(folder: Path, evidence: bool, **numbers: object) -> Recommender:
    """Ten popular mugs alike, and five unpopular things far away, one of a category."""
    items = [item(f"mug{n}") for n in range(10)]
    items += [item(f"odd{n}", category="Rare" if n == 3 else None) for n in range(5)]
    vectors = [[1.0, 0.01 * n] for n in range(10)] + [[-1.0, 0.01 * n] for n in range(5)]
    snapshot = open_shop(folder, items, vectors, [100 - n for n in range(10)] + [5, 4, 3, 2, 1])
    return Recommender(
        snapshot,
        None,
        policy=Policy(slate_size=5, candidates=5, **numbers),  # type: ignore[arg-type]
        rules=msgspec.convert(RULES, Rules),
        keeps_evidence=evidence,
    )


def asked(number: int) -> Request:
    from dataclasses import replace

    known = () if number % 2 else (did("purchase", "mug1", DAY_MS),)
    return replace(request(*known, user_id=f"u{number}"), recommendation_id=f"r{number}")


def test_a_shops_floors_hold_in_its_lists_for_newcomers_too(tmp_path: Path) -> None:
    ranking = shop_of(tmp_path, evidence=False)
    for slate in ranking.recommend([asked(0), asked(1)]):
        ids = [each.item_id for each in slate.items]
        # The head is the most popular fifth: mug0, mug1, mug2; all others are of the tail.
        tail = [item_id not in {"mug0", "mug1", "mug2"} for item_id in ids]
        assert sum(tail[:3]) >= 1
        assert sum(tail) >= 2
        assert "odd3" in ids, "a fifth of five is one of the category"
        assert slate.rules["category_floor:Rare"] == 1
        assert all(each.propensity == 1 for each in slate.items)


def test_a_list_with_floors_is_drawn_again_from_its_evidence(tmp_path: Path) -> None:
    ranking = shop_of(tmp_path, evidence=True, draw="softmax", temperature=0.5)
    for slate in ranking.recommend([asked(number) for number in range(20)]):
        assert slate.evidence is not None
        assert slate.evidence.floors
        again = replay(slate.evidence)
        assert again.item_ids == tuple(each.item_id for each in slate.items)
        assert again.propensities == tuple(each.propensity for each in slate.items)


def test_a_new_item_is_of_the_tail_until_it_is_popular(tmp_path: Path) -> None:
    from index import LiveIndex
    from scoring.rules.book import RuleBook
    from scoring.rules.floors import FloorBook

    snapshot = open_shop(
        tmp_path, [item(f"i{n}") for n in range(5)], [[1.0, n] for n in range(5)], range(5)
    )
    live = LiveIndex(snapshot)
    floors = FloorBook(RuleBook(_tail_rules(), live.catalogue), live.catalogue, 5)
    live.upsert(item("new"), np.array([1.0, 0.0], np.float32))
    positions = live.catalogue.positions(["i4", "i3", "new"])[None, :]
    assert floors.of(positions)[0].members.tolist() == [[False, True, True]]


def test_what_is_brought_for_a_floor_follows_the_shop(tmp_path: Path) -> None:
    """The most popular of a category sell out, one is deleted, one comes back, new ones come."""
    from index import LiveIndex

    many = [item(f"i{n}", category="few" if n >= 20 else "many") for n in range(40)]
    vectors = np.eye(40, dtype=np.float32)
    live = LiveIndex(open_shop(tmp_path, many, vectors, [40 - n for n in range(40)]))
    rules = msgspec.convert({"floors": {"categories": {"few": 0.2}}}, Rules)
    policy = Policy(slate_size=5, candidates=5)
    ranking = Recommender(live, None, policy=policy, rules=rules)

    def few() -> list[str]:
        found = [each.item_id for each in ranking.recommend([request()])[0].items]
        return [item_id for item_id in found if item_id[0] == "n" or int(item_id[1:]) >= 20]

    assert few() == ["i20"]
    for number in range(20, 30):
        sold_out = item(f"i{number}", category="few", in_stock=False)
        change = live.upsert(sold_out, vectors[number])
        assert change is not None
        ranking.follow(change)
    assert few() == ["i30"], "all that had been brought are sold out"
    for change in (live.delete("i30"), live.upsert(item("i28", category="few"), vectors[28])):
        assert change is not None
        ranking.follow(change)
    assert few() == ["i28"]
    for number in [28, *range(31, 40)]:
        change = live.delete(f"i{number}")
        assert change is not None
        ranking.follow(change)
    assert few() == []
    change = live.upsert(item("new", category="few"), vectors[0])
    assert change is not None
    ranking.follow(change)
    assert few() == ["new"]


_NAMES = st.sampled_from(["i0", "i1", "i4", "i7", "i11", "n0", "n1", "n2"])
_KINDS = st.sampled_from(["gone", "sold out", "Rare", "Common", "blocked"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(_NAMES, _KINDS), min_size=1, max_size=4), max_size=8))
def test_floors_that_follow_changes_bring_what_those_made_afterwards_would(
    changes: list[list[tuple[str, str]]],
) -> None:
    from tempfile import TemporaryDirectory

    from index import LiveIndex
    from scoring.rules.book import RuleBook
    from scoring.rules.floors import FloorBook

    said = {"floors": {"tail": 0.4, "categories": {"Rare": 0.3}}, "block": {"words": ["bad"]}}
    rules = msgspec.convert(said, Rules)
    many = [item(f"i{n}", category="Rare" if n % 3 else "Common") for n in range(12)]
    with TemporaryDirectory() as folder:
        live = LiveIndex(open_shop(Path(folder), many, np.eye(12, dtype=np.float32), range(12)))
        book = RuleBook(rules, live.catalogue)
        floors = FloorBook(book, live.catalogue, 2)
        for batch in changes:
            for item_id, kind in batch:
                if kind == "gone":
                    change = live.delete(item_id)
                else:
                    title = "bad" if kind == "blocked" else item_id
                    category = kind if kind in ("Rare", "Common") else "Rare"
                    now = item(item_id, title=title, category=category, in_stock=kind != "sold out")
                    change = live.upsert(now, np.eye(12, dtype=np.float32)[0])
                if change is not None:
                    book.follow(change)
                    floors.follow(change)
            after = FloorBook(RuleBook(rules, live.catalogue), live.catalogue, 2)
            assert floors.pairs(2).tolist() == after.pairs(2).tolist()
            every = np.arange(len(live.catalogue))[None, :]
            for mine, theirs in zip(floors.of(every), after.of(every), strict=True):
                np.testing.assert_array_equal(mine.members, theirs.members)


def _tail_rules() -> Rules:
    return msgspec.convert({"floors": {"tail": 0.5}}, Rules)
