"""What teaches a ranker's heads: lists of candidates, and rows that were shown."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from scoring.measures import auc, calibration_gap
from scoring.ranker.distilling import shares
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.inputs import Inputs, without_constants
from scoring.ranker.learning import logits_of
from scoring.ranker.lists import Lists
from scoring.ranker.pieces import Pieces
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import Shown
from scoring.ranker.teaching import taught

_QUICK = NetworkSettings(width=8, n_hidden=1, epochs=6, learning_rate=0.02, n_codes=0)


def lists_of(n_lists: int, rng: np.random.Generator) -> Lists:
    """Lists of ten, of each the candidate with the highest first column is bought."""
    features = rng.normal(size=(n_lists * 10, len(FEATURES)))
    wanted = np.zeros(len(features), np.bool_)
    starts = np.arange(0, len(features) + 1, 10)
    for start, end in pairwise(starts.tolist()):
        wanted[start + features[start:end, 0].argmax()] = True
    return Lists(
        features.astype(np.float16),
        wanted,
        ~wanted,
        np.ones(len(features), np.float32),
        starts,
        np.ones((4, n_lists), np.int64),
        (None,) * n_lists,
    )


def shown_of(n_rows: int, rng: np.random.Generator, level: float = -2.0) -> Shown:
    """Rows clicked by their second column, of any item; a third of those who click are engaged."""
    features = rng.normal(size=(n_rows, len(FEATURES))).astype(np.float32)
    clicked = rng.random(n_rows) < 1 / (1 + np.exp(-level - 2 * features[:, 1]))
    engaged = clicked & (rng.random(n_rows) < 1 / 3)
    targets = np.stack([clicked, engaged], axis=1).astype(np.float32)
    item_ids = rng.integers(300, size=n_rows).astype(str).astype(object)
    return Shown(features, targets, item_ids, np.ones(n_rows, np.float32))


def test_shown_rows_teach_their_heads_where_few_baskets_were_bought() -> None:
    rng = np.random.default_rng(0)
    wider = msgspec.structs.replace(_QUICK, width=32)
    heads, _ = taught(lists_of(120, rng), shown_of(12_000, rng), wider, 0, rng)
    assert heads.tasks == ("ctr", "engagement", "cvr")
    asked = shown_of(6_000, rng)
    chances = heads.score(asked.features)
    for task, least in ((0, 0.82), (1, 0.75)):
        assert auc(chances[:, task], asked.targets[:, task]) > least
        assert calibration_gap(chances[:, task], asked.targets[:, task]) < 0.04
    others = lists_of(200, rng)
    assert auc(heads.score(others.features.astype(np.float32))[:, 2], others.wanted) > 0.75


def test_chances_are_those_of_the_newest_rows() -> None:
    """A shop whose lists became better: its next rows are like the last ones."""
    rng = np.random.default_rng(0)
    parts = [shown_of(2_700, rng, level=-4.0), shown_of(300, rng, level=0.0)]
    shown = Shown(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.item_ids for part in parts]),
        np.concatenate([part.looked for part in parts]),
    )
    heads, _ = taught(lists_of(40, rng), shown, _QUICK, 0, rng)
    chances = heads.score(shown_of(2_000, rng).features)[:, 0]
    assert abs(float(chances.mean()) - 0.5) < 0.1


def test_prices_that_people_like_need_not_lie_on_a_line() -> None:
    """Clicked at every other of five prices: without pieces the AUC was .49, with the truth .78."""
    rng = np.random.default_rng(0)

    def rows(n: int) -> Shown:
        shown, steps = shown_of(n, rng), rng.integers(5, size=n)
        shown.features[:, FEATURES.index("price")] = steps / 5
        clicked = (rng.random(n) < np.where(steps % 2, 0.4, 0.05)).astype(np.float32)
        return replace(shown, targets=np.stack([clicked, clicked], axis=1))

    heads, _ = taught(lists_of(40, rng), rows(8_000), _QUICK, 0, rng)
    asked = rows(4_000)
    assert auc(heads.score(asked.features)[:, 0], asked.targets[:, 0]) > 0.7


def test_lists_and_rows_that_were_shown_leave_each_other_alone() -> None:
    """When they shared layers, two lists a step took .0027 of log loss from the rows."""
    rng = np.random.default_rng(0)
    lists, shown = lists_of(80, rng), shown_of(3_000, rng)
    others = replace(lists, wanted=np.roll(lists.wanted, 1))
    turned = replace(shown, targets=1 - shown.targets)
    with_codes = msgspec.structs.replace(_QUICK, n_codes=64)
    first, of_others, of_turned = (
        taught(lists, shown, with_codes, 0, np.random.default_rng(1))[0].score(
            shown.features[:200], np.arange(200) % 64
        )
        for lists, shown in ((lists, shown), (others, shown), (lists, turned))
    )
    assert np.array_equal(first[:, :2], of_others[:, :2])
    assert not np.array_equal(first[:, 2], of_others[:, 2])
    assert np.array_equal(first[:, 2], of_turned[:, 2])
    assert not np.array_equal(first[:, :2], of_turned[:, :2])


@pytest.mark.parametrize("n_hidden", [0, 2])
def test_what_lists_never_varied_says_nothing_of_what_is_bought(n_hidden: int) -> None:
    """Only shown rows have searches: their columns moved logits of purchases by 1 at random."""
    rng = np.random.default_rng(0)
    lists, shown = lists_of(80, rng), shown_of(800, rng)
    columns = [FEATURES.index(name) for name in ("confidence_search", "cosine_search")]
    fixed = FEATURES.index("sold_3d")
    lists.features[:, columns] = 0.0
    shown.features[:400, columns] = 0.0
    shown.features[:, fixed] = 1.25
    settings = msgspec.structs.replace(_QUICK, n_hidden=n_hidden, seeds=2)
    heads, _ = taught(lists, shown, settings, 0, rng)
    asked = lists_of(20, rng).features.astype(np.float32)
    asked[:, columns] = 0.0
    searched, sold = asked.copy(), asked.copy()
    searched[:, columns] = 1.0
    sold[:, fixed] += 2.0
    first, of_search, of_sold = (heads.score(each) for each in (asked, searched, sold))
    assert np.allclose(of_search[:, 2], first[:, 2], atol=1e-6)
    assert not np.allclose(of_search[:, 0], first[:, 0], atol=1e-5)
    assert np.allclose(of_sold[:, :2], first[:, :2], atol=1e-6)
    assert not np.allclose(of_sold[:, 2], first[:, 2], atol=1e-5)


@pytest.mark.parametrize("n_hidden", [0, 2])
def test_a_network_without_constants_says_the_same_of_its_rows(n_hidden: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 6)).astype(np.float32)
    others = rng.normal(size=(50, 6)).astype(np.float32)
    features[:, [1, 4]] = [7.0, -0.3]
    inputs = Inputs.of([features, others], Pieces.of(others, (1, 2)))
    settings = msgspec.structs.replace(_QUICK, n_hidden=n_hidden)
    network = inputs.network(settings, 2).eval()
    before = logits_of(network, features)
    assert np.allclose(logits_of(without_constants(network, features), features), before, atol=1e-5)
    asked = features.copy()
    asked[:, [1, 4]] = 0.0
    assert np.allclose(logits_of(network, asked), before, atol=1e-5)


def test_few_lists_and_rows_are_learned_for_longer_where_there_are_both() -> None:
    rng = np.random.default_rng(0)
    lists, told = lists_of(40, rng), list[int]()
    for shown in (None, shown_of(300, rng)):
        taught(lists, shown, _QUICK, 0, rng, lambda done, total: told.append(total))
    assert set(told) == {6, 250 + 250}


def of_items(n_rows: int, rng: np.random.Generator, n_items: int) -> Shown:
    """Clicked at every other item, whatever its columns; a quarter of the rows are of the first."""
    items = np.where(rng.random(n_rows) < 0.25, 0, rng.integers(n_items, size=n_rows))
    clicked = (rng.random(n_rows) < np.where(items % 2, 0.3, 0.05)).astype(np.float32)
    features = rng.normal(size=(n_rows, len(FEATURES))).astype(np.float32)
    item_ids = np.array([f"item-{item}" for item in items], object)
    targets = np.stack([clicked, clicked], axis=1)
    return Shown(features, targets, item_ids, np.ones(n_rows, np.float32))


def test_what_shown_rows_say_of_single_items_is_known() -> None:
    """Nothing in the columns tells them apart; by the true chances the AUC is .73."""
    rng = np.random.default_rng(0)
    known = msgspec.structs.replace(_QUICK, n_codes=4_096)
    heads, _ = taught(lists_of(40, rng), of_items(20_000, rng, 100), known, 0, rng)
    asked = of_items(10_000, rng, 100)
    chances = heads.score(asked.features, heads.codes(asked.item_ids.tolist()))
    assert auc(chances[:, 0], asked.targets[:, 0]) > 0.68
    assert calibration_gap(chances[:, 0], asked.targets[:, 0]) < 0.04


def test_a_few_rows_move_an_item_little_and_none_not_at_all() -> None:
    rng = np.random.default_rng(0)
    shown = of_items(8_000, rng, 2)
    rare = np.arange(8_000) % 2_000 == 0  # four rows, none of them clicked
    shown.item_ids[rare] = "rare"
    shown.targets[rare] = 0
    known = msgspec.structs.replace(_QUICK, n_codes=4_096)
    heads, _ = taught(lists_of(40, rng), shown, known, 0, rng)
    lengths = heads.network.items.norm(dim=1).numpy()
    places = heads.codes(["item-0", "item-1", "rare"])
    assert np.count_nonzero(lengths) == 3
    assert lengths[places[2]] < 0.3 * lengths[places[:2]].min()


@pytest.mark.parametrize("distilled", [False, True])
def test_ranks_that_are_hardly_looked_at_do_not_speak_against_their_items(distilled: bool) -> None:
    """All are wanted by their second column alone; what the first says of is shown at the top."""
    rng = np.random.default_rng(0)
    shown = shown_of(12_000, rng, level=0.0)
    looked = np.where(shown.features[:, 0] > 0, 1.0, 0.3).astype(np.float32)
    seen = rng.random(len(looked)) < looked
    done = replace(shown, targets=shown.targets * seen[:, None])
    settings = msgspec.structs.replace(_QUICK, width=32, distilled=distilled, seeds=1 + distilled)
    asked = shown_of(6_000, rng, level=0.0)
    top = asked.features[:, 0] > 0
    apart, level = {}, {}
    for name, known in {"known": looked, "not": shown.looked}.items():
        rows = replace(done, looked=known)
        heads, _ = taught(lists_of(40, rng), rows, settings, 0, np.random.default_rng(1))
        chances = heads.score(asked.features)[:, 0]
        apart[name] = abs(float(chances[top].mean() - chances[~top].mean()))
        level[name] = float(chances.mean())
    assert apart["known"] < 0.06
    assert apart["not"] > 0.15
    assert level["known"] == pytest.approx(0.5, abs=0.04)


def test_one_network_learns_to_say_what_three_say_and_is_as_wide_as_one() -> None:
    rng = np.random.default_rng(0)
    lists, shown = lists_of(300, rng), shown_of(3_000, rng)
    told: list[tuple[int, int]] = []
    three, one, alone = (
        taught(
            lists,
            shown,
            msgspec.structs.replace(_QUICK, width=48, learning_rate=0.005, **change),
            seed,
            np.random.default_rng(1),
            lambda done, of: told.append((done, of)),
        )[0]
        for change, seed in (({"seeds": 3}, 0), ({"seeds": 3, "distilled": True}, 0), ({}, 50))
    )
    assert one.network.shape == alone.network.shape
    asked = lists_of(300, rng).features.astype(np.float32)

    def apart(heads: Heads) -> float:
        return float(np.square(heads.score(asked) - three.score(asked)).mean())

    assert apart(one) < 0.7 * apart(alone)
    ends = [at - 1 for at, (done, _) in enumerate(told) if done == 1]  # of the one before it
    assert [told[at][0] == told[at][1] for at in ends] == [True] * 3, "told to the end, thrice"


def test_shares_of_a_list_add_up_to_1_and_count_a_candidate_as_often_as_it_stands() -> None:
    lists = replace(
        lists_of(2, np.random.default_rng(0)),
        starts=np.array([0, 4, 4, 20]),  # one of them without candidates
        weights=np.where(np.arange(20) == 3, 5.0, 1.0).astype(np.float32),
    )
    found = shares(lists, np.log(np.arange(1.0, 21.0)))
    np.testing.assert_allclose(found[:4], np.array([1, 2, 3, 20]) / 26, rtol=1e-6)
    assert found[4:].sum() == pytest.approx(1.0)
