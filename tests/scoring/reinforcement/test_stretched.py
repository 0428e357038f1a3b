"""A stretched policy is one network whose worths go on from the first to the last, and further."""

from __future__ import annotations

import copy

import pytest
import torch

from scoring.reinforcement.policy import heads_of, new_network, worths
from scoring.reinforcement.settings import LearningSettings
from scoring.reinforcement.stretched import stretched


@pytest.mark.parametrize("hidden", [0, 1, 2])
@pytest.mark.parametrize("times", [1.0, 2.0, 0.5])
def test_worths_go_as_far_again_as_they_went(hidden: int, times: float) -> None:
    torch.manual_seed(0)
    first = new_network(5, LearningSettings(width=4, hidden=hidden))
    first.mean.copy_(torch.randn(5))
    first.deviation.copy_(torch.rand(5) + 0.5)
    first.slopes.fill_(1 / 0.3)
    last = copy.deepcopy(first)
    for each in (*first.parameters(), *last.parameters()):
        torch.nn.init.normal_(each)
    features = torch.randn(7, 3, 5)
    with torch.inference_mode():
        one, other = worths(first, features), worths(last, features)
        found = worths(stretched(first, last, times), features)
    torch.testing.assert_close(found, one + times * (other - one), rtol=1e-4, atol=1e-4)
    assert heads_of(stretched(first, last, times), tuple("abcde")).tasks == ("value",)
