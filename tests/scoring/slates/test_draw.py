"""Draws: propensities are probabilities, whatever acts inside; caps and pins always hold."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.slates.chance import normals, uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.field import UNLIMITED, Cap, Drawn, Field
from tests.scoring.slates.one_by_one import next_item

SCORES = [1.0, 0.8, 0.75, 0.3, 0.1, -0.4]
GROUPS = [0, 0, 0, 1, 1, 2]
PINS = {1: 4}
N = 3


def unit_rows(n: int, d: int, seed: int = 3) -> NDArray[np.float64]:
    rows = np.random.default_rng(seed).normal(size=(n, d)) + 0.7
    found: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


VECTORS = unit_rows(6, 8)


def lists_of(
    drawing: Drawing, n_lists: int, *, limit: int = UNLIMITED, pinned: bool = False
) -> Drawn:
    """The same six candidates, n lists with ids of their own."""
    shape = (n_lists, len(SCORES))
    pins = np.full((n_lists, drawing.size), -1)
    if pinned:
        for rank, place in PINS.items():
            pins[:, rank] = place
    field = Field(
        scores=np.tile(SCORES, (n_lists, 1)),
        there=np.ones(shape, np.bool_),
        caps=[Cap("category_cap", np.tile(GROUPS, (n_lists, 1)), np.full(shape, limit))],
        pins=pins,
        vectors=[VECTORS.astype(np.float32)] * n_lists,
    )
    return draw(field, drawing, uniforms([f"list {i}" for i in range(n_lists)], drawing.size))


@pytest.mark.parametrize("diversity", ["none", "mmr", "dpp"])
@pytest.mark.parametrize(("limit", "pinned"), [(UNLIMITED, False), (1, False), (2, True)])
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_the_propensity_is_the_probability_given_what_is_above(
    diversity: str, limit: int, pinned: bool, epsilon: float
) -> None:
    drawing = Drawing(N, "softmax", 0.5, epsilon, diversity, 0.6)
    drawn = lists_of(drawing, 3_000, limit=limit, pinned=pinned)
    after: dict[tuple[int, ...], dict[int, float]] = defaultdict(dict)
    for places, propensities in zip(
        drawn.places.tolist(), drawn.propensities.tolist(), strict=True
    ):
        for rank in range(N):
            after[tuple(places[:rank])][places[rank]] = propensities[rank]
    for above, found in after.items():
        expected = next_item(
            above,
            SCORES,
            drawing,
            vectors=VECTORS,
            groups=GROUPS,
            limit=limit,
            pins=PINS if pinned else None,
        )
        assert found == {i: pytest.approx(expected[i], rel=1e-5) for i in found}
        if len(above) < 2:  # drawn often enough for all that may follow to have followed
            assert sum(found.values()) == pytest.approx(1.0, abs=0.02 * len(above) + 1e-5)


@pytest.mark.parametrize("diversity", ["none", "mmr", "dpp"])
def test_without_chance_each_rank_has_the_best_of_the_exhaustive_search(diversity: str) -> None:
    drawing = Drawing(4, "best", diversity=diversity, relevance_share=0.5)
    drawn = lists_of(drawing, 2)
    above: list[int] = []
    for _ in range(4):
        above += [i for i, p in next_item(above, SCORES, drawing, vectors=VECTORS).items() if p]
    assert drawn.places.tolist() == [above, above]
    assert (drawn.propensities == 1).all()


def test_diversity_changes_the_list_and_a_copy_comes_last() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    field = Field(np.array([[1.0, 0.9, 0.1]]), np.ones((1, 3), np.bool_), vectors=[rows])
    chance = np.zeros((1, 3))
    orders = {
        kind: draw(field, Drawing(3, diversity=kind, relevance_share=0.3), chance).places.tolist()
        for kind in ("none", "mmr", "dpp")
    }
    assert orders == {"none": [[0, 1, 2]], "mmr": [[0, 2, 1]], "dpp": [[0, 2, 1]]}


@pytest.mark.parametrize("kind", ["best", "softmax", "thompson"])
def test_lists_of_more_items_than_their_vectors_have_directions_are_lists(kind: str) -> None:
    """As of the sizes and colours of a few things: beyond these, nothing is left of any item."""
    n = 100
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(1, n))
    field = Field(scores, np.ones((1, n), np.bool_), vectors=[unit_rows(n, 6).astype(np.float32)])
    sampled = [rng.normal(size=(64, n)).astype(np.float32)]
    with np.errstate(over="raise", invalid="raise"):
        drawn = draw(field, Drawing(n, kind, 0.3, diversity="dpp"), rng.random((1, n)), sampled)
    assert sorted(drawn.places[0].tolist()) == list(range(n))
    assert ((drawn.propensities > 0) & (drawn.propensities <= 1)).all()
    if kind == "best":
        left = drawn.places[0, 12:]
        assert left.tolist() == sorted(left.tolist(), key=lambda item: -scores[0, item])


def frequencies(places: NDArray[np.int64]) -> Counter[tuple[int, ...]]:
    return Counter(map(tuple, places.tolist()))


def test_a_hundred_thousand_draws_come_as_often_as_their_propensities_say() -> None:
    n_lists, drawing = 100_000, Drawing(N, "softmax", 0.5, 0.1)
    drawn = lists_of(drawing, n_lists, limit=2, pinned=True)
    expected = {
        tuple(places): float(np.prod(propensities))
        for places, propensities in zip(
            drawn.places.tolist(), drawn.propensities.tolist(), strict=True
        )
    }
    assert sum(expected.values()) == pytest.approx(1.0)
    for places, count in frequencies(drawn.places).items():
        p = expected[places]
        assert abs(count - n_lists * p) < 5 * np.sqrt(n_lists * p * (1 - p)), places


def test_plackett_luce_is_the_order_of_scores_with_gumbel_noise() -> None:
    n_lists, temperature = 100_000, 0.5
    ours = frequencies(lists_of(Drawing(N, "softmax", temperature), n_lists).places)
    noise = np.random.default_rng(1).gumbel(size=(n_lists, len(SCORES)))
    order = np.argsort(-(np.array(SCORES) / temperature + noise), axis=1)[:, :N]
    theirs = frequencies(order)
    for places in permutations(range(len(SCORES)), N):
        a, b = ours[places], theirs[places]
        assert abs(a - b) < 5 * np.sqrt(a + b + 1), places


@st.composite
def fields(draws: st.DrawFn) -> tuple[Field, Drawing]:
    n_users, width = draws(st.integers(1, 3)), draws(st.integers(1, 9))
    n_ranks = draws(st.integers(1, 6))
    rng = np.random.default_rng(draws(st.integers(0, 2**32)))
    shape = (n_users, width)
    groups = rng.integers(-1, 3, shape)
    per_group = np.array([*rng.integers(1, 4, 3), UNLIMITED])
    pins = np.full((n_users, n_ranks), -1)
    for user in range(n_users):
        items = rng.permutation(width)[: rng.integers(0, 3)]
        ranks = rng.permutation(n_ranks)[: len(items)]
        pins[user, ranks] = items[: len(ranks)]
    rows = unit_rows(width, 4, int(rng.integers(99))).astype(np.float32)
    field = Field(
        scores=rng.normal(size=shape),
        there=rng.random(shape) < 0.8,
        caps=[Cap("category_cap", groups, per_group[groups])],
        pins=pins,
        vectors=[rows] * n_users,
    )
    drawing = Drawing(
        n_ranks,
        draws(st.sampled_from(["best", "softmax"])),
        draws(st.sampled_from([1e-3, 0.3, 10.0])),
        draws(st.sampled_from([0.0, 0.5, 1.0])),
        draws(st.sampled_from(["none", "mmr", "dpp"])),
        draws(st.sampled_from([0.0, 0.5, 1.0])),
    )
    return field, drawing


@given(fields(), st.integers(0, 2**32))
@settings(max_examples=150)
def test_caps_and_pins_hold_whatever_is_drawn(made: tuple[Field, Drawing], seed: int) -> None:
    field, drawing = made
    n_users = len(field.scores)
    drawn = draw(field, drawing, np.random.default_rng(seed).random((n_users, drawing.size)))
    cap = field.caps[0]
    assert field.pins is not None
    for user in range(n_users):
        n = int(drawn.exists[user].sum())
        assert drawn.exists[user, :n].all(), "a list has no gap"
        places = drawn.places[user, :n].tolist()
        assert len(set(places)) == n
        assert field.there[user, places].all()
        propensities = drawn.propensities[user, :n]
        assert ((propensities > 0) & (propensities <= 1)).all()
        used = Counter(cap.groups[user, places].tolist())
        limits = dict(zip(cap.groups[user].tolist(), cap.limits[user].tolist(), strict=True))
        assert all(count <= limits[group] for group, count in used.items() if group >= 0)
        wanted = [int(place) for place in field.pins[user] if place >= 0]
        pinned = [
            place for place, is_pin in zip(places, drawn.pinned[user], strict=False) if is_pin
        ]
        assert pinned == [place for place in wanted if place in pinned], "pins keep their order"
        for rank, place in enumerate(field.pins[user].tolist()):
            if place in pinned and rank < n:
                assert places.index(place) <= rank
        # A pin that does not act is not there, or would have broken a cap among the pins.
        of_pins = Counter(cap.groups[user, pinned].tolist())
        for place in set(wanted) - set(pinned):
            group = int(cap.groups[user, place])
            assert not field.there[user, place] or of_pins[group] == limits[group]
        if n < drawing.size:  # it ended because nothing was left that fits
            rest = [i for i in np.flatnonzero(field.there[user]).tolist() if i not in places]
            full = [used[g] >= limits[g] for g in cap.groups[user, rest].tolist() if g >= 0]
            assert len(full) == len(rest)
            assert all(full)


def test_a_pin_stands_at_its_rank_and_leaves_room_under_its_cap() -> None:
    # Group 0 may come once and the pin at the end is of group 0: nothing of it stands above.
    field = Field(
        np.array([[3.0, 2.0, 1.0, 0.5]]),
        np.ones((1, 4), np.bool_),
        [Cap("brand_cap", np.array([[0, 0, -1, -1]]), np.array([[1, 1, UNLIMITED, UNLIMITED]]))],
        np.array([[-1, -1, 1]]),
    )
    drawn = draw(field, Drawing(3), np.zeros((1, 3)))
    assert drawn.places.tolist() == [[2, 3, 1]]
    assert drawn.pinned.tolist() == [[False, False, True]]
    assert drawn.capped["brand_cap"].tolist() == [1]


def test_a_list_does_not_depend_on_who_else_is_in_its_batch() -> None:
    rng = np.random.default_rng(8)
    rows = [unit_rows(n, 5, n).astype(np.float32) for n in (7, 30)]
    scores = rng.normal(size=(2, 30))
    chance = uniforms(["a", "b"], 5)
    there = np.arange(30) < np.array([[7], [30]])
    for diversity in ("none", "mmr", "dpp"):
        drawing = Drawing(5, "softmax", 0.4, 0.2, diversity)
        both = draw(Field(scores, there, vectors=rows), drawing, chance)
        alone = draw(Field(scores[:1, :7], there[:1, :7], vectors=rows[:1]), drawing, chance[:1])
        assert both.places[0].tolist() == alone.places[0].tolist()
        assert both.propensities[0].tolist() == alone.propensities[0].tolist()


def test_chance_is_even_and_the_same_for_the_same_list() -> None:
    ids = [f"r{i}" for i in range(4_000)]
    found = uniforms(ids, 20)
    assert (uniforms(ids[7:8], 20) == found[7]).all()
    assert (uniforms(ids[:5], 3) == found[:5, :3]).all()
    counts = np.histogram(found, 20, (0, 1))[0]
    assert np.abs(counts - 4_000).max() < 5 * np.sqrt(4_000)
    correlations = np.corrcoef(found.T) - np.eye(20)
    assert np.abs(correlations).max() < 5 / np.sqrt(4_000)
    spread = normals("r", (300, 50))
    assert (spread == normals("r", (300, 50))).all()
    assert (spread != normals("s", (300, 50))).all()
    assert abs(spread.mean()) < 0.05
    assert abs(spread.std() - 1) < 0.03


def test_no_cap_is_passed_over_for_where_there_is_none() -> None:
    assert lists_of(Drawing(N), 1).capped["category_cap"].tolist() == [0]
    assert [a >= b for a, b in pairwise(SCORES)] == [True] * 5  # what the tests above rely on


@pytest.mark.parametrize("name", ["temperature", "weight_deviation", "epsilon", "relevance_share"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_numbers_that_draw_no_list_are_told(name: str, value: float) -> None:
    said = Drawing(3, **{name: value}).problem()  # type: ignore[arg-type]
    assert said is not None
    assert name in said
    assert Drawing(3).problem() is None
