"""Online learning of heads: exact going on, what is forgotten, what is noticed, what is undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as st

from scoring.errors import OnlineError
from scoring.measures import auc
from scoring.online.examples import Examples
from scoring.online.guard import GOOD_AFTER, LEAST, ROWS, Guard
from scoring.online.learner import OnlineLearner
from scoring.online.losses import row_losses
from scoring.online.reservoir import Reservoir
from scoring.online.settings import OnlineSettings
from scoring.online.state import from_bytes, to_bytes
from tests.scoring.online.stream import rows_of, some_heads

BEFORE = np.array([1.5, -1.0, 0.0, 0.0])
AFTER = np.array([-1.5, -1.0, 1.0, 0.0])
FAST = OnlineSettings(rate=0.01, batch=64, replay=512, distance=0.0)


def test_a_learner_goes_on_from_its_bytes_as_if_nothing_had_been() -> None:
    """Whatever was in the way: momentum, replay, rows that wait, chance, series, windows."""
    rounds = [rows_of(n, BEFORE, seed) for seed, n in enumerate([300, 77, 1, 640, 300, 95])]
    base = some_heads()
    straight = OnlineLearner(base, FAST)
    broken = OnlineLearner(base, FAST)
    for rows in rounds:
        first = straight.learn(rows)
        restored = from_bytes(to_bytes(broken), base, FAST)
        assert restored is not None
        broken = restored
        assert broken.learn(rows) == first
        assert broken.heads.version == straight.heads.version
    assert to_bytes(broken) == to_bytes(straight)
    assert straight.heads.version != base.version


def test_a_state_of_another_base_or_of_nothing_is_not_taken() -> None:
    raw = to_bytes(OnlineLearner(some_heads(), FAST))
    assert from_bytes(raw, some_heads(n_codes=0), FAST) is None
    with pytest.raises(OnlineError, match="no learner's state"):
        from_bytes(raw[: len(raw) // 2], some_heads(), FAST)


@pytest.mark.parametrize("size", [0, 100])
def test_a_smaller_replay_keeps_so_many_of_what_was_kept(size: int) -> None:
    learner = OnlineLearner(some_heads(), FAST)
    for seed in range(3):
        learner.learn(rows_of(300, BEFORE, seed))
    assert len(learner.replay) == 512
    smaller = replace(FAST, replay=size)
    again, twin = (from_bytes(to_bytes(learner), some_heads(), smaller) for _ in range(2))
    assert again is not None
    assert twin is not None
    assert (len(again.replay), again.replay.n_seen) == (size, 900)
    for seed in range(3, 5):
        assert again.learn(rows_of(300, BEFORE, seed)) == twin.learn(rows_of(300, BEFORE, seed))
    assert len(again.replay) == size
    assert again.replay.n_seen == (1_500 if size else 900)


def test_what_is_served_is_tested_before_it_learns() -> None:
    learner = OnlineLearner(some_heads(), FAST)
    rows = rows_of(2_000, BEFORE, 1)
    first = learner.learn(rows).measured["ctr"]
    base = some_heads().score(rows.features, rows.codes)[:, 0]
    assert first.auc == pytest.approx(auc(base, rows.targets[:, 0] > 0))
    for seed in range(2, 12):
        last = learner.learn(rows_of(2_000, BEFORE, seed)).measured["ctr"]
    assert last.n == 10_000
    assert last.auc > 0.8 > first.auc
    assert last.calibration < 0.03


def test_replay_and_distance_each_keep_more_of_what_was() -> None:
    """After the shop has changed: AUC on rows of before, and on rows of after."""
    old, new = rows_of(4_000, BEFORE, 100), rows_of(4_000, AFTER, 101)
    base = OnlineLearner(some_heads(), FAST)
    for seed in range(10):
        base.learn(rows_of(1_000, BEFORE, seed))
    kept, moved = {}, {}
    for name, settings in {
        "none": OnlineSettings(rate=0.01, batch=64, replay=0, distance=0.0, rollback_at=9.0),
        "replay": OnlineSettings(rate=0.01, batch=64, replay=8_000, distance=0.0, rollback_at=9.0),
        "distance": OnlineSettings(rate=0.01, batch=64, replay=0, distance=2.0, rollback_at=9.0),
    }.items():
        learner = OnlineLearner(base.heads, settings)
        if settings.replay:
            learner.replay.add(rows_of(8_000, BEFORE, 50))
        for seed in range(20, 32):
            learner.learn(rows_of(640, AFTER, seed))
        kept[name], moved[name] = (_auc(learner, rows) for rows in (old, new))
    assert min(kept["replay"], kept["distance"]) > kept["none"] + 0.05, kept
    assert min(moved.values()) > _auc(OnlineLearner(base.heads, FAST), new) + 0.05, moved


def _auc(learner: OnlineLearner, rows: Examples) -> float:
    return auc(learner.heads.score(rows.features, rows.codes)[:, 0], rows.targets[:, 0] > 0)


def test_heads_that_became_worse_are_given_up_within_the_bound() -> None:
    """Clicks turn into noise of a broken shop: the last good heads come back."""
    learner = OnlineLearner(some_heads(), FAST)
    for seed in range(12):
        learner.learn(rows_of(2_000, BEFORE, seed))
    good = learner.good
    assert good.version != learner.base.version, "what was no worse has become the good one"
    learner.network.heads.weight.data.mul_(-1)  # poisoned
    n_rows, rolled_back = 0, False
    while not rolled_back:
        rows = rows_of(250, BEFORE, 1_000 + n_rows)
        rolled_back = learner.learn(rows).rolled_back
        n_rows += len(rows)
    assert n_rows <= LEAST
    assert learner.n_rollbacks == 1
    assert _auc(learner, rows_of(4_000, BEFORE, 7)) > 0.75


def test_a_step_that_ends_in_nothing_finite_is_undone() -> None:
    learner = OnlineLearner(some_heads(), FAST)
    rows = rows_of(64, BEFORE, 0)
    rows.features[:, 0] = np.nan
    assert learner.learn(rows).rolled_back
    assert learner.heads.version == learner.base.version


def test_a_change_of_the_shop_is_drift_and_no_fault_of_the_heads() -> None:
    guard, rng = Guard(0.02), np.random.default_rng(0)
    told, n_rounds = [], GOOD_AFTER // ROWS
    for level in (0.4, 0.6):
        for _ in range(n_rounds):
            losses = level * rng.exponential(size=ROWS)
            told.append(guard.judge(losses, losses))
    assert not any(each.drift for each in told[:n_rounds])
    assert any(each.drift for each in told[n_rounds : n_rounds + 30])
    assert {each.verdict for each in told[: n_rounds - 1]} == {None}
    assert {each.verdict for each in told[n_rounds - 1 :]} == {"good"}


def test_a_long_round_is_judged_as_a_whole() -> None:
    """Of some hundred looks within a round one is bad by chance, with heads that are as good."""
    rng = np.random.default_rng(0)
    n = 8 * LEAST
    of_good = rng.exponential(0.3, n)
    bad_for_a_while, bad = of_good.copy(), 1.03 * of_good
    bad_for_a_while[:LEAST] *= 1.05
    bad_for_a_while[LEAST:] *= 0.97
    guard = Guard(0.02)
    judged = guard.judge(bad_for_a_while[::-1], of_good[::-1])
    assert judged.verdict == "good"
    # A short round does not make the worst part of the one before count alone.
    assert guard.judge(1.01 * of_good[:100], of_good[:100]).verdict == "good"
    assert judged.excess == pytest.approx(0.05 / 8 - 0.03 * 7 / 8, abs=0.002)
    judged = Guard(0.02).judge(bad, of_good)
    assert judged.verdict == "worse"
    assert judged.excess == pytest.approx(0.03)


@given(st.lists(st.tuples(st.integers(1, 4 * LEAST), st.floats(-0.1, 0.1)), min_size=1, max_size=6))
@checked(max_examples=25, deadline=None)
def test_heads_are_given_up_for_the_excess_that_is_reported(
    rounds: list[tuple[int, float]],
) -> None:
    guard, rng = Guard(0.02), np.random.default_rng(0)
    for n, excess in rounds:
        of_good = rng.exponential(0.3, n)
        judged = guard.judge(of_good * (1 + rng.normal(excess, 0.1, n)), of_good)
        if judged.verdict == "worse":
            assert judged.excess > 0.02
        elif n >= LEAST:
            assert judged.excess <= 0.02


def test_the_reservoir_is_a_uniform_sample_of_all_that_came() -> None:
    counts = np.zeros(40)
    for seed in range(400):
        rng = np.random.default_rng(seed)
        reservoir = Reservoir(8, Examples.empty(0, 0), rng)
        for first in range(0, 40, 5):
            codes = np.arange(first, first + 5)
            reservoir.add(
                Examples(np.empty((5, 0), np.float32), codes, np.empty((5, 0), np.float32), codes)
            )
        counts[reservoir.rows.codes] += 1
        assert len(set(reservoir.rows.codes.tolist())) == 8
    # 400 x 8 / 40 = 80 expected each, standard deviation 8
    assert 45 < counts.min() <= counts.max() < 115
    assert abs(counts[:8].mean() - counts[-8:].mean()) < 12


def test_ranks_that_are_hardly_looked_at_do_not_speak_against_their_items() -> None:
    """Learned with the true chances of a look, what is wanted is found; without, it is not."""
    looked = (1.0, 0.5, 0.2)
    truth = np.array([1.5, -1.0, 0.5, 0.0])
    level = {}
    for name, known in {"known": looked, "not": ()}.items():
        learner = OnlineLearner(
            some_heads(n_hidden=0, n_codes=0),
            OnlineSettings(rate=0.02, batch=64, distance=0.0, looked=known),
        )
        for seed in range(6):
            learner.learn(rows_of(2_000, truth, seed, looked))
        chances = learner.heads.score(np.zeros((1, 4), np.float32))
        level[name] = float(chances[0, 0])
    assert level["known"] == pytest.approx(0.5, abs=0.04)
    assert level["not"] < 0.35


def test_the_loss_of_a_value_is_its_squared_error_and_of_a_chance_its_likelihood() -> None:
    logits = torch.tensor([[0.3, 1.0], [-1.2, 2.0]])
    targets = torch.tensor([[1.0, 3.0], [0.0, 1.0]])
    looked = torch.tensor([0.25, 0.5])
    found = row_losses(logits, targets, looked, values=[1])
    chance = torch.sigmoid(logits[:, 0]) * looked
    wanted = torch.stack([-chance[0].log(), -(1 - chance[1]).log()])
    torch.testing.assert_close(found[:, 0], wanted)
    torch.testing.assert_close(found[:, 1], torch.tensor([4.0, 1.0]))
