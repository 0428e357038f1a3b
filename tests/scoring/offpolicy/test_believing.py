"""What a log teaches of weights whose truth is known, and logs that teach nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from scoring.errors import EvidenceError
from scoring.offpolicy.believing import believe
from tests.scoring.offpolicy.thompson_log import DRAWING, TRUTH, thompson_log

LISTS, RECORDS = thompson_log(1_500, 0)


def test_weights_come_near_the_truth_and_surer_with_more_lists() -> None:
    """Clicks tell directions: the scale is that of the log's own score, so ratios are compared."""
    few = believe(LISTS.part(np.arange(150)), RECORDS[:150], Counter(), deviation=1.0)
    many = believe(LISTS, RECORDS, Counter(), deviation=1.0)
    ratios = many.layer.mean / many.layer.mean.sum()
    assert ratios == pytest.approx(TRUTH / TRUTH.sum(), abs=0.06)
    assert many.slope == pytest.approx(0.12, abs=0.02)
    assert (many.deviations < 0.5 * few.deviations).all()
    assert (many.n_lists, many.n_users, few.n_lists) == (1_500, 750, 150)
    assert np.abs(many.layer.mean - TRUTH).max() < 4 * many.deviations.max()


def test_weights_spread_over_logs_as_their_deviations_say() -> None:
    """Twenty logs of the same people; so wide a prior leaves the scale free, that of the score."""
    found = [believe(*thompson_log(250, seed), Counter(), deviation=10.0) for seed in range(1, 21)]
    errors = np.array([each.layer.mean * each.slope / 0.12 - TRUTH for each in found])
    said = np.array([each.deviations * each.slope / 0.12 for each in found])
    assert np.sqrt((errors**2).mean()) == pytest.approx(np.sqrt((said**2).mean()), rel=0.25)
    assert (np.abs(errors) < 1.96 * said).mean() > 0.85


def test_without_evidence_weights_stay_as_they_were_and_a_narrow_prior_holds_them() -> None:
    free = believe(LISTS, RECORDS, Counter(), deviation=1.0)
    held = believe(LISTS, RECORDS, Counter(), deviation=0.01)
    assert np.abs(held.layer.mean - 1).max() < 0.1 * np.abs(free.layer.mean - 1).max()


def test_what_is_lower_down_counts_as_it_was_looked_at() -> None:
    """The last ranks are seldom looked at: unsaid, what was clicked there is worth less."""
    looked = np.array([1.0, 0.5, 0.25, 0.25])
    lists, records = thompson_log(1_500, 3, looked=looked, base=0.5, slope=0.1)
    said = believe(lists, records, Counter(), deviation=10.0, looked=(1.0, 0.5, 0.25))
    silent = believe(lists, records, Counter(), deviation=10.0)
    assert said.slope == pytest.approx(0.1, abs=0.03)
    error = np.abs(said.layer.mean * said.slope / 0.1 - TRUTH).max()
    assert error < 0.35
    assert abs(silent.slope - 0.1) > 2 * abs(said.slope - 0.1)


def test_lists_that_were_not_drawn_by_thompson_tell_nothing() -> None:
    lists, made = thompson_log(40, 9, drawing=replace(DRAWING, draw="best"))
    records = [replace(each, features=()) for each in made]
    with pytest.raises(EvidenceError, match="40 · a decision without terms"):
        believe(lists, records, Counter(), deviation=0.2)
    found = believe(LISTS, RECORDS[40:], Counter(before=2), deviation=0.2)
    assert found.n_lists == len(LISTS) - 40
    assert dict(found.excluded) == {"before": 2, "no record of its decision": 40}


def test_scores_that_say_nothing_of_the_reward_are_refused() -> None:
    blind = replace(LISTS, rewards=np.random.default_rng(0).random(LISTS.rewards.shape))
    with pytest.raises(EvidenceError, match="too few lists to tell"):
        believe(blind, RECORDS, Counter(), deviation=0.2)
    worse = replace(LISTS, rewards=1 - LISTS.rewards)
    with pytest.raises(EvidenceError, match="say nothing of this reward"):
        believe(worse, RECORDS, Counter(), deviation=0.2)


def test_what_was_learned_draws_better_lists() -> None:
    """The same people: lists by the posterior hold more of what they want than by the prior."""
    learned = believe(LISTS, RECORDS, Counter(), deviation=1.0).layer.beliefs
    before = thompson_log(600, 7)[0].totals.mean()
    after = thompson_log(600, 7, drawing=replace(DRAWING, beliefs=learned))[0].totals.mean()
    assert after > before + 0.1
