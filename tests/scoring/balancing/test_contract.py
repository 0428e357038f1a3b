"""What holds for every balancer."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from scoring.balancing import BALANCERS, balancer_of, make_balancer
from scoring.errors import BalancerError
from scoring.training.recipe import Balancing
from tests.scoring.balancing.two_tasks import TwoTasks

names = pytest.mark.parametrize("name", BALANCERS)


@names
def test_a_single_loss_has_its_plain_gradient(name: str) -> None:
    tasks = TwoTasks((1, 2), (3, 4))
    make_balancer(name, ["a", "b"]).backward({"b": tasks.losses()["b"]}, [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([3, 4])
    own = tasks.own["b"].grad
    assert own is not None
    assert own.item() == pytest.approx(5)
    assert tasks.own["a"].grad is None


@names
def test_at_first_losses_that_agree_are_summed(name: str) -> None:
    """Orthogonal gradients of equal length: there is nothing that any method would correct."""
    tasks = TwoTasks((1, 0), (0, 1))
    options = {"c": 0.0} if name == "cagrad" else {}
    make_balancer(name, ["a", "b"], **options).backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([1, 1])
    assert tasks.private_gradients() == pytest.approx((3, 5))


@names
def test_gradients_add_up_over_steps(name: str) -> None:
    once, twice = TwoTasks((1, 2), (2, -1)), TwoTasks((1, 2), (2, -1))
    make_balancer(name, ["a", "b"]).backward(once.losses(), [once.theta])
    twice.theta.grad = torch.tensor([10.0, 20.0])
    twice.own["a"].grad = torch.tensor(30.0)
    make_balancer(name, ["a", "b"]).backward(twice.losses(), [twice.theta])
    before = once.shared_gradient()
    assert twice.shared_gradient() == pytest.approx([before[0] + 10, before[1] + 20])
    assert twice.private_gradients()[0] == pytest.approx(once.private_gradients()[0] + 30)


@names
def test_losses_may_have_graphs_of_their_own(name: str) -> None:
    """As when each task has its own batch."""
    tasks, joint = TwoTasks((1, 2), (2, -1)), TwoTasks((1, 2), (2, -1))
    torch.manual_seed(0)
    apart = {"a": tasks.losses()["a"], "b": tasks.losses()["b"]}
    make_balancer(name, ["a", "b"]).backward(apart, [tasks.theta])
    torch.manual_seed(0)
    make_balancer(name, ["a", "b"]).backward(joint.losses(), [joint.theta])
    assert tasks.shared_gradient() == pytest.approx(joint.shared_gradient())


@names
def test_no_loss_is_gone_back_through_for_the_sake_of_another(name: str) -> None:
    """Texts of other tasks are other passes through a language model: they are not free."""
    tasks = TwoTasks((1, 2), (2, -1))
    apart = {task: 1.0 * loss for task, loss in tasks.losses().items()}
    passes: Counter[str] = Counter()
    for task, loss in apart.items():
        loss.register_hook(lambda _, task=task: passes.update([task]))  # type: ignore[no-untyped-call]
    make_balancer(name, ["a", "b"]).backward(apart, [tasks.theta])
    assert passes == {"a": 1, "b": 1}


@names
def test_frozen_and_unreached_parameters_are_passed_over(name: str) -> None:
    tasks = TwoTasks((1, 2), (2, -1))
    frozen = nn.Parameter(torch.ones(3), requires_grad=False)
    unreached = nn.Parameter(torch.ones(3))
    shared = [frozen, tasks.theta, unreached]
    make_balancer(name, ["a", "b"]).backward(tasks.losses(), shared)
    assert frozen.grad is None
    assert unreached.grad is None or not unreached.grad.any()
    assert any(tasks.shared_gradient())


@names
def test_its_state_has_the_same_shape_after_steps_and_epochs(name: str) -> None:
    """A checkpoint of step 1000 is loaded into a balancer that has seen nothing."""
    tasks, balancer = TwoTasks((1, 2), (2, -1)), make_balancer(name, ["a", "b"])
    for mean in (2.0, 1.0, 0.5):
        balancer.backward(tasks.losses(), [tasks.theta])
        balancer.end_epoch({"a": mean, "b": 1.0})
    fresh = make_balancer(name, ["a", "b"])
    assert {k: v.shape for k, v in fresh.state_dict().items()} == {
        k: v.shape for k, v in balancer.state_dict().items()
    }
    fresh.load_state_dict(balancer.state_dict())
    assert all(torch.equal(v, balancer.state_dict()[k]) for k, v in fresh.state_dict().items())


@names
def test_a_loss_of_an_unknown_task_is_refused(name: str) -> None:
    tasks = TwoTasks((1, 2), (2, -1))
    with pytest.raises(BalancerError, match=r"\['a'\].*\['b', 'c'\]"):
        make_balancer(name, ["b", "c"]).backward(tasks.losses(), [tasks.theta])
    with pytest.raises(BalancerError, match="at least one"):
        make_balancer(name, ["b", "c"]).backward({}, [tasks.theta])


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("PCGrad", {}, "fixed, uncertainty"),
        ("dwa", {"alpha": 1}, "temperature"),
        ("pcgrad", {"alpha": 1}, "no options"),
        ("dwa", {"temperature": 0}, "above 0"),
        ("cagrad", {"c": 1}, "below 1"),
        ("gradnorm", {"rate": 0}, "above 0"),
        ("fixed", {"weights": {"z": 1}}, "z"),
        ("fixed", {"weights": {"a": -1}}, "-1"),
        ("uncertainty", {"regression": ["z"]}, "z"),
        ("uncertainty", {"regression": 1.0}, "uncertainty cannot have {'regression': 1.0}"),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(
    name: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(BalancerError, match=said):
        make_balancer(name, ["a", "b"], **options)


def test_weights_of_tasks_are_fixed_and_no_option_is_passed_over() -> None:
    weights = {"a": 1.0, "b": 3.0}
    assert balancer_of(Balancing(), weights).get_buffer("weights").tolist() == [1, 3]
    dwa = balancer_of(Balancing(method="dwa", options={"temperature": 1.0}), weights)
    assert dwa.get_buffer("weights").tolist() == [1, 1]
    with pytest.raises(BalancerError, match=r"fixed has no \['temperature'\]"):
        balancer_of(Balancing(options={"temperature": 1.0}), weights)


def test_tasks_have_different_names() -> None:
    with pytest.raises(BalancerError, match="twice"):
        make_balancer("fixed", ["a", "a"])
