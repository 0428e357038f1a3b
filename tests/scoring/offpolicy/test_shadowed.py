"""Shadows: other candidates, scores, caps and pins for the same requests, in the same columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scoring.errors import EvidenceError
from scoring.offpolicy.decided import decided
from scoring.offpolicy.evaluation import NO_SHADOW, evaluate_records
from scoring.offpolicy.followed import Followed, follow
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.target import Target
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import CapRows, Evidence
from tests.scoring.offpolicy.slate_shop import plackett_luce
from tests.scoring.offpolicy.test_decided import a_record, as_logged

OTHER = Drawing(3, "softmax", 0.5)


def a_shadow(of: Evidence, number: int) -> Evidence:
    """Without the first candidate, with a new one before the others, in another order."""
    item_ids = ("new", *reversed(of.item_ids[1:]))
    scores = np.random.default_rng([9, number]).normal(0, 0.4, len(item_ids))
    return replace(
        of,
        recommendation_id=f"{of.recommendation_id}~it",
        item_ids=item_ids,
        scores=tuple(scores.tolist()),
        drawing=OTHER,
        caps=(),
        pins=(),
    )


def beside(
    records: list[Evidence], shadows: Mapping[str, Evidence], at_once: int = 8
) -> tuple[LoggedLists, Followed]:
    """Lists that were drawn from records, and what is known of shadows of them."""
    logged = as_logged(records)
    known = Followed.empty(*logged.there.shape)
    lost = Counter[str]()
    for batch in decided(logged, records, at_once, lost):
        follow(batch, Target(shadows=shadows), known, 4, seed=0)
    assert not lost
    return logged, known


def test_a_logged_list_has_the_shadows_probability() -> None:
    """In plain Python: Plackett-Luce over the shadow's own candidates; 0 for what it lacks."""
    records = [
        replace(a_record(number, n_items=5), caps=(), floors=(), pins=()) for number in range(30)
    ]
    shadows = {each.recommendation_id: a_shadow(each, at) for at, each in enumerate(records)}
    logged, known = beside(records, shadows)
    for at, record in enumerate(records):
        shadow = shadows[record.recommendation_id]
        items = logged.items[at].tolist()
        whole = known.target[at].prod()
        if "item 0" in items:
            assert whole == 0
            continue
        places = [shadow.item_ids.index(each) for each in items]
        expected = plackett_luce(shadow.scores, 0.5, places)
        np.testing.assert_allclose(known.target[at], expected)
        chance = np.exp(np.array(shadow.scores) / 0.5)
        assert known.unsupported[at, 0] == pytest.approx(chance[0] / chance.sum())


def test_a_pin_acts_in_the_policy_that_has_it_and_in_no_other() -> None:
    """Where one policy pins, it does nothing else; where the other does not, it draws."""
    free = Evidence("l", ("a", "b", "c", "d"), (0.0,) * 4, Drawing(3, "softmax", 1.0))
    pins = replace(free, item_ids=("p", *free.item_ids), scores=(0.0,) * 5, pins=(0, -1, -1))
    for log, shadow, expected, unsupported in (
        (free, pins, 0, 1),
        (pins, free, 0, 1),
        (pins, pins, 1 / 4 / 3, 0),
        (free, free, 1 / 4 / 3 / 2, 0),
    ):
        records = [replace(log, recommendation_id=f"l{number}") for number in range(6)]
        _, known = beside(records, {each.recommendation_id: shadow for each in records})
        np.testing.assert_allclose(known.target.prod(axis=1), expected)
        np.testing.assert_allclose(known.unsupported[:, 0], unsupported)


def test_a_shadows_pin_is_in_all_its_lists_whatever_stands_above() -> None:
    """Of so few candidates all lists are gone through, else: a pin leaves but some of them."""
    free = Evidence("l", ("p", "a", "b"), (0.0,) * 3, Drawing(2, "softmax", 1.0))
    records = [replace(free, recommendation_id=f"l{number}") for number in range(12)]
    shadows = {each.recommendation_id: replace(free, pins=(0, -1)) for each in records}
    logged, known = beside(records, shadows, 16)
    assert known.marginal[:, 0].tolist() == (logged.items[:, 0] == "p").tolist()
    assert 0 < known.marginal[:, 0].sum() < 12


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ({"item_ids": ("p",), "scores": (0.0,)}, 1),
        ({"caps": (CapRows("one of a kind", (0, 0, 0), (1, 1, 1)),)}, 1 / 3),
    ],
    ids=["of one candidate", "of one kind"],
)
def test_a_shadow_of_shorter_lists_has_its_own_chances_at_each_rank(
    columns: dict[str, Any], first: float
) -> None:
    free = Evidence("l", ("p", "a", "b"), (0.0,) * 3, Drawing(2, "softmax", 1.0))
    records = [replace(free, recommendation_id=f"l{number}") for number in range(12)]
    shadows = {each.recommendation_id: replace(free, **columns) for each in records}
    logged, known = beside(records, shadows, 16)
    is_p = logged.items[:, 0] == "p"
    assert is_p.any()
    np.testing.assert_allclose(known.marginal[is_p], [[first, 0.0]] * is_p.sum())
    np.testing.assert_allclose(known.ahead[:, :, 0], [[1.0, 0.0]] * 12, err_msg="items a rank")


@pytest.mark.parametrize(
    ("more", "scores", "unsupported"),
    [((), (), 0), (("new",), (0.0,), 1 / 3)],
    ids=["all of it can be logged", "a third of its second rank cannot"],
)
def test_what_a_shadow_pins_was_logged_where_chance_put_it_there(
    more: tuple[str, ...], scores: tuple[float, ...], unsupported: float
) -> None:
    """One log list in three begins with the pin; the others say nothing of the shadow's."""
    free = Evidence("l", ("p", "a", "b"), (0.0,) * 3, Drawing(2, "softmax", 1.0))
    pins = replace(
        free, item_ids=(*free.item_ids, *more), scores=(*free.scores, *scores), pins=(0, -1)
    )
    records = [replace(free, recommendation_id=f"l{number}") for number in range(60)]
    target = Target(shadows={each.recommendation_id: pins for each in records})
    report = evaluate_records(as_logged(records), records, target, Counter())
    assert report.unsupported == pytest.approx(unsupported)


def test_a_pin_that_moved_up_is_the_same_for_a_shadow() -> None:
    """A pin to the third rank, where two other items are there, and one of them is capped."""
    capped = CapRows("one of a kind", (0, 0, -1), (1, 1, 9))
    record = Evidence("l", ("a", "b", "p"), (0.0,) * 3, OTHER, caps=(capped,), pins=(-1, -1, 2))
    records = [replace(record, recommendation_id=f"l{number}") for number in range(4)]
    batch = next(decided(as_logged(records), records, 8, Counter()))
    assert batch.lists.pinned.tolist() == [[False, True, False]] * 4
    known = Followed.empty(*as_logged(records).there.shape)
    follow(batch, Target(shadows={each.recommendation_id: record for each in records}), known, 4, 0)
    np.testing.assert_allclose(known.target.prod(axis=1), 1 / 2)


@pytest.mark.parametrize(
    ("log", "log_pins", "shadow_pins", "expected"),
    [
        ("pab", (0, -1, -1), (-1, -1, 0), 0),
        ("p", (-1, -1, 0), (-1, 0, -1), 0),
        ("p", (-1, -1, -1), (-1, 1, -1), 1 / 2),
    ],
    ids=["pinned lower", "moved up in the log alone", "another one below the end of the list"],
)
def test_a_pin_is_where_the_shadow_itself_would_have_it(
    log: str, log_pins: tuple[int, ...], shadow_pins: tuple[int, ...], expected: float
) -> None:
    """Among p, a and b: where the log has the pin, or where its list ends, says nothing of it."""
    drawing = Drawing(3, "softmax", 1.0)
    record = Evidence("l", tuple(log), (0.0,) * len(log), drawing, pins=log_pins)
    shadow = Evidence("l~it", ("p", "a", "b"), (0.0,) * 3, drawing, pins=shadow_pins)
    records = [replace(record, recommendation_id=f"l{number}") for number in range(4)]
    _, known = beside(records, {each.recommendation_id: shadow for each in records})
    np.testing.assert_allclose(known.target.prod(axis=1), expected)


def test_the_shadows_caps_act() -> None:
    records = [
        replace(a_record(number, n_items=5), caps=(), floors=(), pins=()) for number in range(12)
    ]
    capped = {
        each.recommendation_id: replace(
            each,
            drawing=OTHER,
            caps=(CapRows("one of a kind", (0, 0, 0, 1, 2), (1,) * 5),),
        )
        for each in records
    }
    logged, known = beside(records, capped)
    of_a_kind = np.isin(logged.items.astype(str), ["item 0", "item 1", "item 2"]).sum(axis=1)
    assert ((known.target.prod(axis=1) == 0) == (of_a_kind > 1)).all()
    assert len(set(of_a_kind.tolist())) > 1


def test_a_shadow_without_a_candidate_would_have_shown_nothing() -> None:
    """Its rules may strike all that there is."""
    records = [replace(a_record(number), caps=(), floors=(), pins=()) for number in range(8)]
    shadows = {each.recommendation_id: a_shadow(each, at) for at, each in enumerate(records)}
    nothing = replace(shadows["list 5"], item_ids=(), scores=())
    _, known = beside(records, shadows | {"list 5": nothing})
    assert known.target[5].tolist() == [0, 0, 0]
    assert known.expected[5].tolist() == np.zeros_like(known.expected[5]).tolist()
    assert np.isfinite(known.shown).all()
    assert known.target[4].any()


def test_lists_that_were_not_shadowed_are_left_out() -> None:
    records = [a_record(number) for number in range(40)]
    same = {each.recommendation_id: each for each in records[5:]}
    report = evaluate_records(as_logged(records), records, Target(shadows=same), Counter())
    assert report.excluded == {NO_SHADOW: 5}
    assert not report.differs, "whatever lists were drawn to know it"
    assert report.row("rips").gain == pytest.approx(0)
    assert report.unsupported == 0


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        (Drawing(4, "softmax"), "lists 4 items and the log 3"),
        (Drawing(3, "thompson"), "cannot be followed"),
        (Drawing(3, "softmax", diversity="dpp"), "cannot be followed"),
    ],
)
def test_a_shadow_that_cannot_be_followed_is_an_error(drawing: Drawing, said: str) -> None:
    records = [a_record(number) for number in (0, 6, 12, 18)]
    shadows = {each.recommendation_id: replace(each, drawing=drawing) for each in records}
    with pytest.raises(EvidenceError, match=said):
        evaluate_records(as_logged(records), records, Target(shadows=shadows), Counter())
    shadows["list 0"] = replace(records[0], drawing=OTHER)
    with pytest.raises(EvidenceError, match="has changed how it draws"):
        evaluate_records(as_logged(records), records, Target(shadows=shadows), Counter())
