"""Evaluations on a simulated slate bandit whose truth is known by going through all its lists."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from scoring.offpolicy import followed as followed_module
from scoring.offpolicy.decided import NO_RECORD
from scoring.offpolicy.evaluation import (
    NO_SHADOW,
    evaluate_decided,
    evaluate_probabilities,
    evaluate_records,
)
from scoring.offpolicy.followed import Followed, follow
from scoring.offpolicy.keeping import DUPLICATE, MADE_UP, REAL
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.report import Report
from scoring.offpolicy.reward_model import cross_fitted
from scoring.offpolicy.target import Target
from scoring.offpolicy.verdict import Enough, verdict
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import CapRows, Evidence, replay
from tests.scoring.offpolicy.slate_bandit import SlateBandit

BANDIT = SlateBandit(n_items=4, n_ranks=2)
LOGGED = Drawing(2, "softmax", 0.2)
SHARPER = Target({"temperature": 0.08})
EXACT = ("ips", "snips", "dr", "rips", "sn-rips", "cascade-dr")
"""Estimators whose assumptions hold in the bandit's world."""


def evaluated(target: Target, n: int, logged: Drawing = LOGGED, seed: int = 0) -> Report:
    lists, batches = BANDIT.log(n, logged, seed)
    return evaluate_decided(lists, batches, target, Counter())


def test_estimates_are_near_the_truth_within_their_errors() -> None:
    report = evaluated(SHARPER, 8_000)
    truth = BANDIT.truth(SHARPER.drawing(LOGGED))
    gain = truth - BANDIT.truth(LOGGED)
    assert len(report.rows) == 11
    for row in report.rows:
        assert row.value == pytest.approx(truth, rel=0.05), row.name
    for name in EXACT:
        row = report.row(name)
        assert abs(row.value - truth) < 3 * row.error, name
        assert abs(row.gain - gain) < 3 * row.error, name
        assert row.gain_interval.width < row.interval.width, name
        assert row.control.holds, name
    assert report.row("cascade-dr").error < 0.9 * report.row("ips").error


def test_the_policy_of_the_log_gains_nothing_over_itself() -> None:
    report = evaluated(Target(), 500)
    for name in ("ips", "clipped-ips", "snips", "rips", "sn-rips", "iips", "pi"):
        row = report.row(name)
        assert row.value == pytest.approx(report.logged)
        assert row.gain_interval.low == pytest.approx(0, abs=1e-9)
    assert report.row("ips").effective == pytest.approx(500)


def test_the_policy_of_the_log_gains_nothing_where_lists_are_drawn_to_know_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of all real lists: a target that is none is how the plumbing is checked."""
    monkeypatch.setattr(followed_module, "MOST_LISTS", 0)
    report = evaluated(Target({"temperature": LOGGED.temperature}), 200)
    assert not report.differs
    assert report.row("iips").gain == pytest.approx(0)
    assert evaluated(SHARPER, 200).differs


def test_drawn_lists_stand_for_all_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    lists, batches = BANDIT.log(50, LOGGED, 1)
    exact, drawn = (Followed.empty(*lists.there.shape) for _ in range(2))
    follow(batches[0], SHARPER, exact, 1, seed=0)
    monkeypatch.setattr(followed_module, "MOST_LISTS", 0)
    follow(batches[0], SHARPER, drawn, 1_000, seed=0)
    np.testing.assert_allclose(drawn.marginal, exact.marginal, atol=0.03)
    np.testing.assert_allclose(drawn.marginal_logged, exact.marginal_logged, atol=0.03)
    np.testing.assert_allclose(drawn.ahead, exact.ahead, atol=0.1)
    np.testing.assert_array_equal(drawn.expected, exact.expected)
    assert np.isnan(drawn.slate_weights).all()


def test_marginals_of_a_few_drawn_lists_have_no_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the log's policy is nearly certain, so that drawn lists miss what was logged."""
    nearly, target = Drawing(2, "best", epsilon=0.3), Target({"epsilon": 1.0})
    lists, batches = BANDIT.log(4_000, nearly, 4)
    monkeypatch.setattr(followed_module, "MOST_LISTS", 0)
    by_draws = Followed.empty(*lists.there.shape)
    for number, batch in enumerate(batches):
        follow(batch, target, by_draws, 8, seed=number)
    weights = by_draws.marginal / by_draws.marginal_logged
    error = weights.std(axis=0) / np.sqrt(len(weights))
    assert (np.abs(weights.mean(axis=0) - 1) < 3 * error).all()
    assert (error < 0.05).all()


def test_uniform_lists_have_pseudo_inverse_weights_without_going_through_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uniform = Drawing(2, "best", epsilon=1.0)
    target = Target({"draw": "softmax", "temperature": 0.1, "epsilon": 0.0})
    lists, batches = BANDIT.log(50, uniform, 1)
    closed = Followed.empty(*lists.there.shape)
    follow(batches[0], target, closed, 1, seed=0)
    as_drawn = replace(
        batches[0], drawing=replace(uniform, draw="softmax", temperature=1e9, epsilon=0)
    )
    whole = Followed.empty(*lists.there.shape)
    follow(as_drawn, target, whole, 1, seed=0)
    np.testing.assert_allclose(closed.slate_weights, whole.slate_weights, atol=1e-6)


def test_other_scores_are_another_policy() -> None:
    lists, batches = BANDIT.log(6_000, LOGGED, 2)
    scores = BANDIT.world[0] * [1, -1, 0.5, 1]
    place = {row.tobytes(): at for at, row in enumerate(BANDIT.world[0])}
    by_id = {
        each: scores[place[row.tobytes()]]
        for batch in batches
        for each, row in zip(batch.ids, batch.field.scores, strict=True)
    }
    report = evaluate_decided(lists, batches, Target(scores=by_id), Counter())
    truth = BANDIT.truth(LOGGED, scores=scores)
    assert abs(truth - BANDIT.truth(LOGGED)) > 0.02
    for name in EXACT:
        row = report.row(name)
        assert abs(row.value - truth) < 3 * row.error, name


def test_what_the_log_could_not_do_is_told_and_not_guessed() -> None:
    report = evaluated(Target({"draw": "softmax"}), 400, Drawing(2, "best"))
    assert report.unsupported is not None
    assert report.unsupported > 0.3
    said = verdict(report, report.row("cascade-dr"))
    assert not said.promotes
    assert said.reasons[0] == "not enough evidence"
    assert any("could not do" in reason for reason in said.reasons)


def test_probabilities_alone_give_the_same_as_records_do() -> None:
    lists, batches = BANDIT.log(300, LOGGED, 3)
    known = Followed.empty(*lists.there.shape)
    for batch in batches:
        follow(batch, SHARPER, known, 1, seed=0)
    said = dict(zip(lists.ids.tolist(), known.target.tolist(), strict=True))
    said["3:7"], said["3:8"] = [0.5], [0.5, 1.5]
    del said["3:9"]
    report = evaluate_probabilities(lists, said, Counter(before=2))
    assert report.n_lists == 297
    assert sorted(report.excluded.values()) == [1, 2, 2]
    assert report.unsupported is None
    whole = dict(zip(lists.ids.tolist(), known.target.tolist(), strict=True))
    alone = evaluate_probabilities(lists, whole, Counter())
    beside = evaluate_decided(lists, batches, SHARPER, Counter())
    for row in alone.rows:
        assert row.gain_interval == pytest.approx(beside.row(row.name).gain_interval), row.name


def test_a_better_policy_is_promoted_and_an_equal_one_is_not() -> None:
    better = evaluated(Target({"temperature": 0.05}), 6_000)
    said = verdict(better, better.row("cascade-dr"))
    assert said.promotes
    assert "at least +0.0" in said.reasons[0]
    assert not verdict(better, better.row("dm")).promotes
    refused = verdict(better, better.row("cascade-dr"), margin=1.0)
    assert not refused.promotes
    equal = evaluated(Target(), 6_000)
    said = verdict(equal, equal.row("cascade-dr"))
    assert not said.promotes
    assert "it must be above 0" in said.reasons[0]


def test_the_model_has_not_seen_the_rewards_that_it_predicts() -> None:
    lists, batches = BANDIT.log(200, LOGGED, 5)
    known = Followed.empty(*lists.there.shape)
    follow(batches[0], SHARPER, known, 1, seed=0)
    groups = np.arange(200)
    before = cross_fitted(known, lists.rewards, lists.there, groups).shown
    other = lists.rewards.copy()
    other[0] += 1
    after = cross_fitted(known, other, lists.there, groups).shown
    np.testing.assert_array_equal(after[::2], before[::2])
    assert (after[1::2] != before[1::2]).all()


def test_a_target_whose_lists_are_longer_than_those_of_the_log_is_not_paid_less() -> None:
    """Under two caps b leaves d alone beside it; lists without b have three items."""
    caps = (
        CapRows("category", (0, 0, -1, -1), (1, 1, 9, 9)),
        CapRows("brand", (-1, 0, 0, -1), (9, 1, 1, 9)),
    )
    logged = Drawing(3, "softmax", 1.0)
    records = [
        Evidence(f"l{number}", ("a", "b", "c", "d"), (0.0, 1.0, 0.0, 0.0), logged, caps=caps)
        for number in range(1_500)
    ]
    drawn = [replay(each) for each in records]
    shape = len(drawn), 3
    there = np.arange(3) < np.array([len(each.item_ids) for each in drawn])[:, None]
    items, propensities = np.full(shape, "", object), np.ones(shape)
    for row, each in enumerate(drawn):
        items[row, there[row]], propensities[row, there[row]] = each.item_ids, each.propensities
    ids = np.array([each.recommendation_id for each in records], object)
    lists = LoggedLists(ids, ids, items, there, propensities, there.astype(float))
    worth = math.exp(1 / 0.4)
    short = worth / (3 + worth) + 1 / (3 + worth) * worth / (2 + worth)
    report = evaluate_records(lists, records, Target({"temperature": 0.4}), Counter())
    for name in ("dm", "dr", "cascade-dr", "sn-rips"):
        said = report.row(name)
        assert abs(said.value - (3 - short)) < 4 * said.error, name


def test_what_was_not_asked_about_is_no_flaw_of_a_log() -> None:
    """A log that was exported twice, or a shadow for a tenth of the users, says no less."""
    report = evaluated(SHARPER, 2_000)
    row = report.row("cascade-dr")
    for reason in (DUPLICATE, MADE_UP, REAL, NO_SHADOW):
        assert not Enough().lacking(replace(report, excluded={reason: 20_000}), row)
    (said,) = Enough().lacking(replace(report, excluded={NO_RECORD: 200, DUPLICATE: 9_000}), row)
    assert said.startswith("200 of 2200 lists were left out as flawed")


def test_an_estimate_that_there_is_not_is_said_in_words() -> None:
    logged, _ = BANDIT.log(200, LOGGED, 0)
    never = {each: [0.0] * 2 for each in logged.ids.tolist()}
    report = evaluate_probabilities(logged, never, Counter())
    lacking = Enough().lacking(report, report.row("sn-rips"))
    assert (
        "sn-rips gives no estimate: at some rank, the target does nothing of what was logged"
        in (lacking)
    )
    assert not any("nan" in each for each in lacking)


def test_each_lack_of_evidence_is_said() -> None:
    report = replace(evaluated(SHARPER, 200), excluded={"a flaw": 20}, unsupported=0.5)
    row = report.row("ips")
    lacking = Enough(10**6, 1e6, 1e6, 1e-6, 0.1, 0.01).lacking(report, row)
    assert len(lacking) == 6
    wrong = replace(row, control=replace(row.control, interval=replace(row.interval, high=0.9)))
    assert any("mean of" in each for each in Enough().lacking(report, wrong))
