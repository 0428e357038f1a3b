"""Returns and advantages, worked out by hand; the bound on a step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from scoring.reinforcement.baselines import leave_one_out
from scoring.reinforcement.returns import generalised_advantages, returns_to_go
from scoring.reinforcement.trust_region import hold_within

REWARDS = torch.tensor([[1.0, 0.0], [2.0, 4.0], [3.0, 0.0]])  # three visits of two users
VALUES = torch.tensor([[1.0, 1.0], [0.5, 2.0], [1.0, 0.0], [0.0, 0.0]])


def test_a_return_is_this_visit_and_half_of_what_follows() -> None:
    found = returns_to_go(REWARDS, 0.5)
    assert found.tolist() == [[2.75, 2.0], [3.5, 4.0], [3.0, 0.0]]
    assert torch.equal(returns_to_go(REWARDS, 0.0), REWARDS)


def test_a_trace_of_one_is_the_return_less_the_value_and_of_zero_one_step() -> None:
    whole = generalised_advantages(REWARDS, VALUES[:-1], VALUES[1:], 0.5, 1.0)
    torch.testing.assert_close(whole, returns_to_go(REWARDS, 0.5) - VALUES[:-1])
    one = generalised_advantages(REWARDS, VALUES[:-1], VALUES[1:], 0.5, 0.0)
    assert one[:, 0].tolist() == [1 + 0.25 - 1, 2 + 0.5 - 0.5, 3 - 1]


def test_the_true_chance_to_come_back_says_the_same_as_coming_back_in_the_mean() -> None:
    """One user, two visits, comes back with chance .6: over both fates, whatever V says."""
    first, second, value, after, trace = 1.0, 3.0, 0.7, 2.5, 0.9

    def gain(stayed: bool, follows: float) -> float:
        rewards = torch.tensor([[first], [second if stayed else 0.0]])
        values = torch.tensor([[value], [after if stayed else 0.0]])
        ahead = torch.tensor([[follows], [0.0]])
        return float(generalised_advantages(rewards, values, ahead, 1.0, trace)[0, 0])

    drawn = 0.6 * gain(True, after) + 0.4 * gain(False, 0.0)
    told = 0.6 * gain(True, 0.6 * after) + 0.4 * gain(False, 0.6 * after)
    assert told == pytest.approx(drawn)
    luck = gain(True, after) - gain(False, 0.0)
    assert 0 < gain(True, 0.6 * after) - gain(False, 0.6 * after) < luck


def test_a_single_try_has_no_others_to_compare_with() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        leave_one_out(REWARDS[:1])


@pytest.mark.parametrize(("bound", "share"), [(9.0, 1.0), (1.0, 0.5), (0.3, 0.25), (0.0, 0.0)])
def test_a_step_is_halved_until_it_is_within_the_bound(bound: float, share: float) -> None:
    parameter = nn.Parameter(torch.tensor([5.0]))
    before = [torch.tensor([3.0])]
    kept = hold_within([parameter], before, lambda: float((parameter - 3.0).square()), bound)
    assert kept == share
    assert parameter.item() == 3.0 + 2.0 * share
