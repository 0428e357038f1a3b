"""Methods that weigh losses: fixed, uncertainty, DWA, GradNorm."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from scoring.balancing import DynamicWeightAverage, FixedWeights, GradNorm, UncertaintyWeights
from tests.scoring.balancing.two_tasks import TwoTasks


def test_fixed_weights_weigh_shared_and_private_gradients() -> None:
    tasks = TwoTasks((1, 0), (0, 1))
    FixedWeights(["a", "b"], {"b": 0.5}).backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == [1, 0.5]
    assert tasks.private_gradients() == (3, 2.5)


def test_uncertainty_has_the_gradients_of_its_formula() -> None:
    """d/ds (exp(-s) L f + s/2) = 1/2 - exp(-s) L f, with L = 1 and f = 1 or 1/2."""
    tasks = TwoTasks((1, 0), (0, 1))
    balancer = UncertaintyWeights(["a", "b"], regression=["b"])
    balancer.log_variances.data = torch.tensor([math.log(2), math.log(4)])
    balancer.backward(tasks.losses(), [tasks.theta])
    assert balancer.log_variances.grad is not None
    assert balancer.log_variances.grad.tolist() == pytest.approx([0.5 - 1 / 2, 0.5 - 1 / 8])
    assert tasks.shared_gradient() == pytest.approx([1 / 2, 1 / 8])
    assert tasks.private_gradients() == pytest.approx((3 / 2, 5 / 8))


def test_uncertainty_settles_where_a_weight_is_one_over_twice_the_loss() -> None:
    balancer = UncertaintyWeights(["a", "b"])
    optimiser = torch.optim.SGD(balancer.parameters(), lr=0.2)
    for _ in range(300):
        optimiser.zero_grad()
        losses = {"a": torch.tensor(0.2), "b": torch.tensor(3.0)}
        balancer.backward(losses, [])
        optimiser.step()
    weights = torch.exp(-balancer.log_variances)
    assert weights.tolist() == pytest.approx([1 / 0.4, 1 / 6], rel=1e-3)


def test_dwa_gives_more_weight_to_the_loss_that_falls_more_slowly() -> None:
    """Golden: paces 0.5 and 1, temperature 2: weights 2 softmax([.25, .5])."""
    balancer = DynamicWeightAverage(["a", "b"])
    balancer.end_epoch({"a": 2.0, "b": 3.0})
    assert balancer.weights.tolist() == [1, 1]
    balancer.end_epoch({"a": 1.0, "b": 3.0})
    share = 1 / (1 + math.exp(0.25))
    assert balancer.weights.tolist() == pytest.approx([2 * share, 2 * (1 - share)])
    tasks = TwoTasks((1, 0), (0, 1))
    balancer.backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([2 * share, 2 * (1 - share)])


def test_dwa_passes_over_an_epoch_in_which_a_task_was_not_seen() -> None:
    balancer = DynamicWeightAverage(["a", "b"])
    balancer.end_epoch({"a": 2.0, "b": 0.0})  # a pace from 0 means nothing
    balancer.end_epoch({"b": 3.0})
    assert balancer.weights.tolist() == [1, 1]
    balancer.end_epoch({"a": 1.0, "b": 3.0})
    assert balancer.weights[0] < balancer.weights[1]


def test_gradnorm_takes_the_step_of_its_formula() -> None:
    """Golden: norms 1 and 3, mean 2, equal rates: slopes -1/2 and +3/2."""
    tasks = TwoTasks((1, 0), (0, 3))
    balancer = GradNorm(["a", "b"], alpha=1.5, rate=0.1)
    balancer.backward(tasks.losses(), [tasks.theta])
    raw = [math.exp(0.1 * 0.5), math.exp(-0.1 * 1.5)]
    assert balancer.weights.tolist() == pytest.approx([2 * each / sum(raw) for each in raw])
    assert tasks.shared_gradient() == [1, 3]  # a step is used from the next time on


def test_gradnorm_equalises_norms() -> None:
    tasks = TwoTasks((1, 0), (0, 50))
    balancer = GradNorm(["a", "b"], alpha=0.0, rate=0.025)
    for _ in range(400):
        tasks.theta.grad = None
        balancer.backward(tasks.losses(), [tasks.theta])
    first, second = tasks.shared_gradient()
    assert second / first == pytest.approx(1, abs=0.1)
    assert balancer.weights.sum().item() == pytest.approx(2)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_gradnorm_pulls_harder_at_the_task_that_lags_behind(alpha: float) -> None:
    """Both begin at 1; then b has fallen to a tenth, so a's norm becomes 10^alpha times b's."""
    theta = nn.Parameter(torch.ones(2))
    balancer = GradNorm(["a", "b"], alpha=alpha)
    for step in range(300):
        theta.grad = None
        left = 1.0 if step == 0 else 0.1
        losses = {"a": theta[0] * 1.0, "b": theta[1] - 1 + left}
        balancer.backward(losses, [theta])
    assert theta.grad is not None
    ratio = (theta.grad[0] / theta.grad[1]).item()
    assert ratio == pytest.approx(10**alpha, rel=0.2)


def test_gradnorm_leaves_a_task_alone_that_is_not_in_the_step() -> None:
    tasks = TwoTasks((1, 0), (0, 3))
    balancer = GradNorm(["a", "b", "c"])
    balancer.backward(tasks.losses(), [tasks.theta])
    assert balancer.weights[2] == 1
    assert balancer.weights.sum().item() == pytest.approx(3)
    assert balancer.first[2].isnan()
