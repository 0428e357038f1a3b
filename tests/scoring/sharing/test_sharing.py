"""Hard sharing, MMoE and PLE: what is shared, what is not; batched experts are plain ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from scoring.errors import SharingError
from scoring.sharing import (
    PLE,
    SHARINGS,
    Experts,
    HardSharing,
    MMoE,
    count_parameters,
    fit_width,
    make_sharing,
)

OUTPUTS = {"click": 1, "type": 3, "a.b": 1}  # names that nn.ModuleDict would refuse
every_form = pytest.mark.parametrize("name", SHARINGS)


def features(n: int = 6, dim: int = 5) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(3))


def reached(module: nn.Module, loss: Tensor) -> set[int]:
    """Ids of the parameters that a loss has a gradient for."""
    module.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    return {id(p) for p in module.parameters() if p.grad is not None and bool(p.grad.any())}


@every_form
def test_one_logit_a_binary_task_and_one_a_class(name: str) -> None:
    logits = make_sharing(name, 5, OUTPUTS)(features())
    assert {task: tuple(each.shape) for task, each in logits.items()} == {
        "click": (6,),
        "type": (6, 3),
        "a.b": (6,),
    }


@every_form
def test_a_loss_reaches_what_is_shared_and_its_own_and_nothing_else(name: str) -> None:
    torch.manual_seed(1)
    module = make_sharing(name, 5, OUTPUTS)
    shared = {id(p) for p in module.shared()}
    private = {task: {id(p) for p in module.private(task)} for task in OUTPUTS}
    assert shared
    assert sum(map(len, private.values())) + len(shared) == len(list(module.parameters()))
    for task in OUTPUTS:
        # A hidden unit may be dead, a whole parameter hardly: so every one must be reached.
        assert reached(module, module(features(64))[task].square().sum()) == shared | private[task]


def test_experts_are_plain_networks_computed_at_once() -> None:
    """Values and gradients, against nn.Linear in a loop."""
    torch.manual_seed(0)
    experts = Experts(3, (5, 4, 2))
    plain = [
        nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU()) for _ in range(3)
    ]
    for e, network in enumerate(plain):
        for layer, at in ((0, 0), (1, 2)):
            linear = network[at]
            assert isinstance(linear, nn.Linear)
            linear.weight.data = experts.weights[layer][e].detach().T.clone()
            linear.bias.data = experts.biases[layer][e].detach().clone()
    x = features()
    expected = torch.stack([network(x) for network in plain], dim=1)  # (B, E, H)
    found = experts(x)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(expected.shape)
    torch.autograd.backward((found * weights).sum())
    torch.autograd.backward((expected * weights).sum())
    for e, network in enumerate(plain):
        for layer, at in ((0, 0), (1, 2)):
            linear, weight, bias = network[at], experts.weights[layer], experts.biases[layer]
            assert isinstance(linear, nn.Linear)
            assert linear.weight.grad is not None
            assert weight.grad is not None
            assert bias.grad is not None
            torch.testing.assert_close(weight.grad[e].T, linear.weight.grad)
            torch.testing.assert_close(bias.grad[e], linear.bias.grad)


def test_each_expert_may_have_an_input_of_its_own() -> None:
    torch.manual_seed(0)
    experts = Experts(2, (5, 4))
    x, y = features(3), features(3).flip(0)
    apart = experts(torch.stack([x, y], dim=1))
    torch.testing.assert_close(apart[:, 0], experts(x)[:, 0])
    torch.testing.assert_close(apart[:, 1], experts(y)[:, 1])


def test_dropout_ends_with_training() -> None:
    experts = Experts(2, (5, 400), dropout=0.5)
    x = features()
    dropped = (experts(x) == 0).float().mean()
    whole = (experts.eval()(x) == 0).float().mean()
    assert dropped > whole + 0.1


def test_mmoe_with_one_expert_is_hard_sharing() -> None:
    torch.manual_seed(0)
    mixture = MMoE(5, OUTPUTS, n_experts=1, hidden=(7,))
    hard = HardSharing(5, OUTPUTS, hidden=(7,))
    linear = hard.bottom[0]
    assert isinstance(linear, nn.Linear)
    linear.weight.data = mixture.experts.weights[0][0].detach().T.clone()
    linear.bias.data = mixture.experts.biases[0][0].detach().clone()
    hard.towers.load_state_dict(mixture.towers.state_dict())
    for task, logits in hard(features()).items():
        torch.testing.assert_close(mixture(features())[task], logits)


def test_a_gate_chooses_its_expert_by_the_input() -> None:
    """Gate weights of 50 on one feature each: the softmax is a choice of that expert."""
    mixture = MMoE(2, {"t": 1}, n_experts=2, hidden=(3,))
    gate = mixture.gates[0]
    assert isinstance(gate, nn.Linear)
    gate.weight.data = torch.tensor([[50.0, 0.0], [0.0, 50.0]])
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    experts = mixture.experts(x)  # (2, 2, 3)
    tower = mixture.towers[0]
    expected = tower(torch.stack([experts[0, 0], experts[1, 1]])).squeeze(-1)
    torch.testing.assert_close(mixture(x)["t"], expected)


def test_a_ple_level_mixes_own_and_shared_experts() -> None:
    """With gates of zero every visible expert has the same weight."""
    torch.manual_seed(0)
    ple = PLE(5, {"a": 1, "b": 1}, n_shared=1, n_private=2, hidden=(4,))
    experts = even_gates(ple, n_experts=3)
    x = features()
    own_a, own_b, shared = (each(x) for each in experts)
    for task, own, tower in zip("ab", (own_a, own_b), ple.towers, strict=True):
        mixed = torch.cat([own, shared], dim=1).mean(dim=1)
        torch.testing.assert_close(ple(x)[task], tower(mixed).squeeze(-1))


def test_a_second_ple_level_reads_each_mix_of_the_first() -> None:
    """Private experts read their own task's mix, shared ones the mix of all."""
    torch.manual_seed(0)
    ple = PLE(5, {"a": 1, "b": 1}, n_shared=1, n_private=2, levels=2, hidden=(4,))
    experts = even_gates(ple, n_experts=6)
    x = features()
    a, b, s = (each(x) for each in experts[:3])
    mixes = [torch.cat(seen, dim=1).mean(dim=1) for seen in ([a, s], [b, s], [a, b, s])]
    a, b, s = (each(mix) for each, mix in zip(experts[3:], mixes, strict=True))
    for task, own, tower in zip("ab", (a, b), ple.towers, strict=True):
        mixed = torch.cat([own, s], dim=1).mean(dim=1)
        torch.testing.assert_close(ple(x)[task], tower(mixed).squeeze(-1))


def even_gates(ple: PLE, n_experts: int) -> list[Experts]:
    """Set all gates to zero; returns the experts of all levels: a task each, then the shared."""
    for name, parameter in ple.named_parameters():
        if ".gates." in name:
            parameter.data.zero_()
    found = [module for module in ple.modules() if isinstance(module, Experts)]
    assert len(found) == n_experts
    return found


@pytest.mark.parametrize("levels", [1, 2])
def test_a_loss_touches_no_expert_that_is_private_to_another_task(levels: int) -> None:
    torch.manual_seed(1)
    ple = PLE(5, OUTPUTS, levels=levels)
    found = reached(ple, ple(features(64))["click"].sum())
    names = {name for name, parameter in ple.named_parameters() if id(parameter) in found}
    last = f"levels.{levels - 1}.experts."
    assert {name.removeprefix(last)[0] for name in names if name.startswith(last)} == {"0", "3"}
    # Below the last level the shared gate reads every expert.
    assert any(name.startswith("levels.0.experts.1.") for name in names) == (levels == 2)


@every_form
def test_binary_tasks_may_start_at_their_base_rates(name: str) -> None:
    module = make_sharing(name, 5, OUTPUTS)
    with torch.no_grad():
        for tower in module.towers:
            for parameter in tower.parameters():
                parameter.zero_()
    module.start_at({"click": 0.25, "a.b": 0.002})
    logits = module(features())
    assert logits["click"].sigmoid().tolist() == pytest.approx([0.25] * 6)
    assert logits["a.b"].sigmoid().tolist() == pytest.approx([0.002] * 6)
    assert not logits["type"].any()
    for wrong in ({"type": 0.5}, {"click": 0.0}, {"sale": 0.5}):
        with pytest.raises(SharingError, match=next(iter(wrong))):
            module.start_at(wrong)


@every_form
def test_a_width_for_a_budget_is_the_largest_that_fits(name: str) -> None:
    def make(width: int) -> nn.Module:
        return make_sharing(name, 20, OUTPUTS, hidden=(width,), tower=(8,))

    width = fit_width(make, 10_000)
    assert count_parameters(make(width)) <= 10_000 < count_parameters(make(width + 1))


def test_a_budget_may_be_too_small() -> None:
    with pytest.raises(SharingError, match="too few"):
        fit_width(lambda width: nn.Linear(100, width), 100)


def test_frozen_parameters_are_not_counted() -> None:
    linear = nn.Linear(3, 2)
    linear.bias.requires_grad_(False)
    assert count_parameters(linear) == 6


def test_a_wrong_setting_says_what_would_be_right() -> None:
    with pytest.raises(SharingError, match="hard, mmoe, ple"):
        make_sharing("MMoE", 5, OUTPUTS)
    with pytest.raises(SharingError, match="n_experts"):
        make_sharing("mmoe", 5, OUTPUTS, experts=3)
    with pytest.raises(SharingError, match="at least one task"):
        make_sharing("hard", 5, {})
    with pytest.raises(SharingError, match="1 or more"):
        make_sharing("ple", 5, OUTPUTS, n_shared=0)
    with pytest.raises(SharingError, match="n_experts is 0: 1 or more"):
        make_sharing("mmoe", 5, OUTPUTS, n_experts=0)
    with pytest.raises(SharingError, match="click, type"):
        make_sharing("hard", 5, OUTPUTS).private("sale")
