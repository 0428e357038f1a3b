"""Three losses, in value and gradient, against plain forms of themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from scoring.sequence import full_softmax as module
from scoring.sequence.binary import binary_cross_entropy
from scoring.sequence.full_softmax import full_softmax
from scoring.sequence.sampled_softmax import ItemSampler, sampled_softmax


def states_items_targets(
    n: int = 40, n_items: int = 60, n_interests: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    states = torch.randn(n, n_interests, 8, generator=generator, requires_grad=True)
    items = torch.randn(n_items, 8, generator=generator, requires_grad=True)
    return states, items, torch.randint(0, n_items, (n,), generator=generator)


def gradients(loss: Tensor, *of: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, of))


def cosine(one: Tensor, other: Tensor) -> float:
    return torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0).item()


@pytest.mark.parametrize("chunk", [7, 512])
def test_the_full_loss_and_its_gradients_are_those_of_cross_entropy(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    states, items, targets = states_items_targets()
    plain = cross_entropy(states[:, 0] @ items.T, targets)
    ours = full_softmax(states, items, targets, torch.float32)
    torch.testing.assert_close(ours, plain)
    for mine, theirs in zip(
        gradients(2 * ours, states, items), gradients(2 * plain, states, items), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("chunk", [1, 7, 512])
def test_the_full_loss_of_several_interests_is_that_of_their_summed_scores(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk of fewer events than interests has one event."""
    monkeypatch.setattr(module, "_CHUNK", chunk)
    states, items, targets = states_items_targets(n_interests=3)
    plain = cross_entropy((states @ items.T).logsumexp(dim=1), targets)
    ours = full_softmax(states, items, targets, torch.float32)
    torch.testing.assert_close(ours, plain)
    for mine, theirs in zip(
        gradients(2 * ours, states, items), gradients(2 * plain, states, items), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_gradients_of_several_interests_are_slopes_of_the_loss() -> None:
    """By small steps, one number after the other, in 64 bits."""
    generator = torch.Generator().manual_seed(2)
    states = torch.randn(3, 2, 4, generator=generator, dtype=torch.float64)
    items = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    targets = torch.tensor([0, 4, 2])
    moved = (states.requires_grad_(), items.requires_grad_())
    found = gradients(full_softmax(*moved, targets, torch.float64), *moved)
    for tensor, slopes in zip(moved, found, strict=True):
        flat = tensor.detach().view(-1)
        for place in range(len(flat)):
            ends = []
            for step in (1e-2, -1e-2):
                flat[place] += step
                ends.append(full_softmax(*moved, targets, torch.float64).item())
                flat[place] -= step
            assert slopes.view(-1)[place].item() == pytest.approx(
                (ends[0] - ends[1]) / 2e-2, abs=1e-4
            )


@pytest.mark.parametrize("loss", ["full", "sampled"])
def test_interests_that_are_all_alike_cost_what_one_of_them_does(loss: str) -> None:
    states, items, targets = states_items_targets()
    drawn = torch.arange(0, 60, 2)

    def of(interests: Tensor) -> Tensor:
        if loss == "full":
            return full_softmax(interests, items, targets, torch.float32)
        return sampled(interests, items, targets, drawn, torch.full((60,), -np.log(60.0)))

    # The target of a sample stands for itself, what was drawn for others, in every interest alike.
    torch.testing.assert_close(of(states.repeat(1, 4, 1)), of(states))


def test_the_sampled_loss_of_several_interests_by_loops() -> None:
    states, items, targets = states_items_targets(n=6, n_interests=3)
    drawn, log_q = torch.tensor([1, 5, 5, 40, int(targets[2])]), torch.linspace(-6, -2, 60)
    expected = 0.0
    for event, target in enumerate(targets.tolist()):

        def weight(item: int, event: int = event) -> float:
            return (states[event] @ items[item]).exp().sum().item()

        others = sum(
            weight(item) / (5 * np.exp(log_q[item].item()))
            for item in drawn.tolist()
            if item != target
        )
        expected -= np.log(weight(target) / (weight(target) + others)) / len(targets)
    assert sampled(states, items, targets, drawn, log_q).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_interests", [1, 3])
def test_sixteen_bits_are_enough_for_the_full_loss(n_interests: int) -> None:
    states, items, targets = states_items_targets(n_interests=n_interests)
    exact = full_softmax(states, items, targets, torch.float32)
    rough = full_softmax(states, items, targets, torch.bfloat16)
    torch.testing.assert_close(rough, exact, rtol=0.01, atol=0.01)
    for mine, theirs in zip(
        gradients(rough, states, items), gradients(exact, states, items), strict=True
    ):
        assert cosine(mine, theirs) > 0.999


def sampled(
    states: Tensor, items: Tensor, targets: Tensor, negatives: Tensor, log_q: Tensor
) -> Tensor:
    return sampled_softmax(
        states, items[targets], targets, items[negatives], negatives, log_q[negatives]
    )


def test_the_corrected_sample_approaches_the_full_gradient_however_it_is_drawn() -> None:
    """Popular items are drawn a hundred times as often here, which the correction takes back."""
    states, items, targets = states_items_targets()
    full = gradients(full_softmax(states, items, targets, torch.float32), states, items)
    sampler = ItemSampler(np.geomspace(1, 100, 60).astype(np.int64), power=1.0)
    rng = np.random.default_rng(0)
    distances = []
    for n_negatives in (100, 40_000):
        drawn = sampler.draw(n_negatives, rng)
        loss = sampled(states, items, targets, drawn, sampler.log_q)
        found = gradients(loss, states, items)
        distances.append(
            max((a - b).norm().item() / b.norm().item() for a, b in zip(found, full, strict=True))
        )
    assert distances[1] < 0.05 < distances[0]
    uncorrected = sampled(states, items, targets, drawn, torch.full((60,), -np.log(60.0)))
    assert (
        min(cosine(a, b) for a, b in zip(gradients(uncorrected, states, items), full, strict=True))
        < 0.95
    )


def test_a_target_that_was_drawn_as_a_negative_does_not_fight_itself() -> None:
    states, items, _ = states_items_targets(n=1)
    only_itself = torch.tensor([5, 5, 5])
    loss = sampled(states, items, torch.tensor([5]), only_itself, torch.zeros(60))
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_items_are_drawn_by_the_power_of_their_popularity_and_unseen_ones_never() -> None:
    sampler = ItemSampler(np.array([0, 1, 4, 9, 0]), power=0.5)
    drawn = sampler.draw(60_000, np.random.default_rng(0))
    shares = np.bincount(drawn.numpy(), minlength=5) / 60_000
    np.testing.assert_allclose(shares, [0, 1 / 6, 2 / 6, 3 / 6, 0], atol=0.01)
    np.testing.assert_allclose(sampler.log_q.exp(), [0, 1 / 6, 2 / 6, 3 / 6, 0], atol=1e-6)


def test_binary_cross_entropy_by_hand() -> None:
    """Scores 0 and ln 3: -ln(1/2) - ln(1 - 3/4) = ln 8."""
    states = torch.tensor([[1.0, 0.0]])
    positive, negative = torch.tensor([[0.0, 5.0]]), torch.tensor([[float(np.log(3)), 1.0]])
    loss = binary_cross_entropy(states, positive, negative)
    assert loss.item() == pytest.approx(np.log(8), rel=1e-6)
