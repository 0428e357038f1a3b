"""The penalty on the worst group: where weights go, how far, and what a network makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scoring.ranker.features import FEATURES
from scoring.ranker.learning import logits_of, teach
from scoring.ranker.list_loss import list_losses
from scoring.ranker.lists import Lists
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.worst_group import MOST, GroupWeights, bounded

EVERY = np.arange(4)


def test_a_step_is_that_of_the_paper_from_the_shares_of_the_lists() -> None:
    groups = GroupWeights({"many": [0, 1, 2], "few": [3]}, 4, float(np.log(2)))
    found = groups.follow(EVERY, np.array([0.5, 1.0, 1.5, 2.0]))
    # Means 1 and 2: 3/4 * 2 and 1/4 * 4, as shares of 5/2.
    assert groups.weights == pytest.approx([0.6, 0.4])
    assert groups.losses == pytest.approx([1.0, 2.0])
    assert found == pytest.approx([0.8, 0.8, 0.8, 1.6])
    assert found.mean() == pytest.approx(1.0)


def test_weights_go_to_the_group_that_loses_more_and_come_back() -> None:
    groups = GroupWeights({"one": [0, 1], "other": [2, 3]}, 4, 0.1)
    worse = [groups.follow(EVERY, np.array([1.0, 1, 2, 2]))[3] for _ in range(20)]
    assert worse == sorted(worse)
    assert worse[-1] > 1.5
    for _ in range(200):
        groups.follow(EVERY, np.array([2.0, 2, 1, 1]))
    assert groups.weights[0] > groups.weights[1]


def test_a_group_of_few_lists_does_not_rule_however_much_it_loses() -> None:
    groups = GroupWeights({"many": list(range(99)), "few": [99]}, 100, 1.0)
    for _ in range(50):
        found = groups.follow(np.arange(100), np.array([1.0] * 99 + [100.0]))
    assert found[-1] == pytest.approx(MOST)
    assert found[0] > 0.95


def test_a_group_that_no_step_has_met_yet_keeps_its_part() -> None:
    groups = GroupWeights({"a": [0], "b": [1], "c": [2, 3]}, 4, 0.5)
    groups.follow(np.array([0, 1]), np.array([3.0, 1.0]))
    assert groups.weights[0] > groups.weights[1]
    assert np.isnan(groups.losses[2])
    assert groups.weights.sum() == pytest.approx(1.0)


def test_lists_of_no_group_are_one_more() -> None:
    groups = GroupWeights({"home": [0, 2]}, 4, 0.1)
    assert groups.names == ["home", "other users"]
    assert groups.shares.tolist() == [0.5, 0.5]


def test_bounds_hold_and_the_rest_keep_their_ratio() -> None:
    found = bounded(np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.5, 1.0]))
    # 0.4 to share out as 2 : 1 would give .467 and .233.
    assert found == pytest.approx([0.3, 0.7 * 2 / 3, 0.7 / 3])
    twice = bounded(np.array([0.8, 0.15, 0.05]), np.array([0.3, 0.4, 1.0]))
    assert twice == pytest.approx([0.3, 0.4, 0.3])


def quarrelling() -> Lists:
    """Of 80 lists, 64 want the item with most in a column, 16 that with least; six items each."""
    rng = np.random.default_rng(0)
    features = np.zeros((480, len(FEATURES)), np.float16)
    features[:, 0] = rng.normal(size=480)
    wanted = np.zeros(480, np.bool_)
    for g in range(80):
        column = features[6 * g : 6 * g + 6, 0]
        wanted[6 * g + (column.argmax() if g % 5 else column.argmin())] = True
    starts = np.arange(0, 481, 6)
    ones = np.ones(480, np.float32)
    counts = np.ones((4, 80), np.int64)
    return Lists(features, wanted, wanted, ones, starts, counts, ("here",) * 80)


SETTINGS = NetworkSettings(n_hidden=0, epochs=40, learning_rate=0.05)


def test_without_a_step_it_is_the_plain_mean() -> None:
    lists = quarrelling()
    groups = GroupWeights({"few": list(range(0, 80, 5))}, 80, 0.0)
    plain, weighed = teach(lists, None, SETTINGS, 3), teach(lists, None, SETTINGS, 3, groups=groups)
    for one, other in zip(plain.parameters(), weighed.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_a_penalty_lowers_the_loss_of_the_worst_group() -> None:
    lists, few = quarrelling(), np.arange(80) % 5 == 0

    def losses(groups: GroupWeights | None) -> tuple[float, float]:
        network = teach(lists, None, SETTINGS, 0, groups=groups)
        scores = torch.from_numpy(logits_of(network, lists.features)[:, -1])
        each = list_losses(
            scores.float(),
            torch.from_numpy(lists.wanted).float(),
            torch.from_numpy(lists.weights),
            torch.full((80,), 6),
        ).numpy()
        return float(each[few].mean()), float(each[~few].mean())

    plain = losses(None)
    fair = losses(GroupWeights({"few": np.flatnonzero(few).tolist()}, 80, 0.1))
    assert plain[0] > plain[1] + 1.0
    assert max(fair) < max(plain) - 0.5
    assert fair[1] > plain[1]  # what it costs the others
