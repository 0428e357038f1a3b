"""Logged lists beside their records: what a record does not draw again is left out, and counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scoring.errors import EvidenceError
from scoring.offpolicy import decided as reasons
from scoring.offpolicy.decided import decided
from scoring.offpolicy.evaluation import evaluate_records
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.target import Target
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import CapRows, Evidence, FloorRows, replay

DRAWING = Drawing(3, "softmax", 0.3)


def a_record(number: int, drawing: Drawing = DRAWING, n_items: int = 6) -> Evidence:
    """With a cap, in every other list a pin, in two of three a floor."""
    rng = np.random.default_rng(number)
    return Evidence(
        recommendation_id=f"list {number}",
        item_ids=tuple(f"item {at}" for at in range(n_items)),
        scores=tuple(rng.normal(0, 0.3, n_items).tolist()),
        drawing=drawing,
        caps=(CapRows("cap", (0, 0, 0, *[1] * (n_items - 3)), (2,) * n_items),),
        floors=(FloorRows("floor", 0.67, (2, n_items - 1)),) if number % 3 else (),
        pins=(-1, 4, -1) if number % 2 else (),
        features=tuple(map(tuple, rng.normal(0, 0.1, (n_items, 2)).tolist()))
        if drawing.draw == "thompson"
        else (),
    )


def as_logged(records: list[Evidence]) -> LoggedLists:
    drawn = [replay(record) for record in records]
    shape = (len(records), len(drawn[0].item_ids))
    return LoggedLists(
        ids=np.array([record.recommendation_id for record in records], object),
        users=np.array([f"user {at}" for at in range(len(records))], object),
        items=np.array([each.item_ids for each in drawn], object),
        there=np.ones(shape, np.bool_),
        propensities=np.array([each.propensities for each in drawn]),
        rewards=np.random.default_rng(0).binomial(1, 0.5, shape).astype(float),
    )


@pytest.mark.parametrize("drawing", [DRAWING, Drawing(3, "thompson"), Drawing(3, epsilon=0.2)])
def test_lists_are_drawn_again_with_caps_and_pins(drawing: Drawing) -> None:
    """Of different numbers of candidates, in batches."""
    records = [a_record(number, drawing, 6 + number % 3) for number in range(20)]
    logged = as_logged(records)
    lost = Counter[str]()
    batches = list(decided(logged, reversed(records), 3, lost))
    assert not lost
    assert max(len(batch.rows) for batch in batches) == 3
    assert sorted(row for batch in batches for row in batch.rows.tolist()) == list(range(20))
    report = evaluate_records(logged, records, Target(), Counter())
    assert report.row("rips").gain == pytest.approx(0)
    assert report.unsupported == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recommendation_id": "another"}, reasons.NO_RECORD),
        ({"scores": (9.0, 0.0, 0.0, 0.0, 0.0, -9.0)}, reasons.OTHER_LIST),
        ({"item_ids": ("a", "b", "c", "d", "e", "f")}, reasons.OTHER_LIST),
        ({"drawing": replace(DRAWING, diversity="mmr")}, reasons.DIVERSE),
    ],
)
def test_a_list_that_is_not_what_its_record_draws_is_left_out(
    change: dict[str, Any], reason: str
) -> None:
    records = [a_record(number) for number in range(5)]
    logged = as_logged(records)
    records[2] = replace(records[2], **change)
    lost = Counter[str]()
    batches = list(decided(logged, records, 9, lost))
    assert lost == {reason: 1}
    assert sorted(row for batch in batches for row in batch.rows.tolist()) == [0, 1, 3, 4]


def test_a_propensity_that_its_record_does_not_have_leaves_the_list_out() -> None:
    records = [a_record(number) for number in range(5)]
    logged = as_logged(records)
    logged.propensities[3, 1] *= 0.99
    lost = Counter[str]()
    assert sum(len(batch.rows) for batch in decided(logged, records, 9, lost)) == 4
    assert lost == {reasons.OTHER_PROPENSITY: 1}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (lambda: Target({"weight_repeat": 2.0}), r"weight_repeat: records .* tell"),
        (lambda: Target({"temperature": 0.0}), "temperature"),
        (lambda: Target({"diversity": "mmr"}), "vectors"),
        (lambda: Target({"draw": "thompson"}), "terms of each score"),
        (lambda: Target(scores={"list 0": np.zeros(6)}), r"list \d has 6 candidates, and none"),
        (lambda: Target(scores={f"list {n}": np.zeros(4) for n in range(9)}), "4 numbers"),
        (lambda: Target(scores={f"list {n}": np.full(6, np.nan) for n in range(9)}), "finite"),
    ],
)
def test_a_target_that_the_records_do_not_answer_for_is_an_error(target: Any, said: str) -> None:
    records = [a_record(number) for number in range(3)]
    with pytest.raises(EvidenceError, match=said):
        evaluate_records(as_logged(records), records, target(), Counter())


def test_nothing_left_is_an_error_that_says_what_was_left_out() -> None:
    with pytest.raises(EvidenceError, match=r"left out: 3 .no record of its decision"):
        evaluate_records(as_logged([a_record(n) for n in range(3)]), [], Target(), Counter())
