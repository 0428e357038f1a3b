"""The surest temperature of several, and logs that cannot be asked for one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from scoring.errors import EvidenceError
from scoring.offpolicy.evaluation import evaluate_decided
from scoring.offpolicy.intervals import Interval
from scoring.offpolicy.sharpening import Tried, softmax_of, surest
from scoring.offpolicy.target import Target
from scoring.slates.drawing import Drawing
from tests.scoring.offpolicy.slate_bandit import SlateBandit

LOGGED = Drawing(2, "softmax", 0.2)
LISTS, BATCHES = SlateBandit(n_items=4, n_ranks=2).log(200, LOGGED, 0)
REPORT = evaluate_decided(LISTS, BATCHES, Target(), Counter())


def tried(temperature: float, gain: float, low: float, *lacking: str) -> Tried:
    row = replace(REPORT.rows[0], gain=gain, gain_interval=Interval(low, 2 * gain - low))
    return Tried(temperature, REPORT, row, lacking)


def test_a_sure_gain_is_taken_before_a_larger_one_that_is_not() -> None:
    mild, sharp = tried(0.1, 0.05, 0.02), tried(0.05, 0.3, 0.01)
    beyond = tried(0.01, 0.5, 0.4, "worth 3 lists")
    assert surest([beyond, sharp, mild]) is mild
    assert surest([beyond, tried(0.3, 0.0, 0.0)]) is None


def test_a_log_of_another_draw_or_of_several_is_refused() -> None:
    assert softmax_of([LOGGED, LOGGED]) == LOGGED
    with pytest.raises(EvidenceError, match="in 2 ways"):
        softmax_of([LOGGED, replace(LOGGED, temperature=0.1)])
    with pytest.raises(EvidenceError, match="by best"):
        softmax_of([replace(LOGGED, draw="best")])
