"""Off-policy weights: the formula, and gradients on a bandit whose truth is known."""

from __future__ import annotations

import pytest
import torch

from scoring.reinforcement.top_k import importance, shown_items_loss, single_draws, top_k_correction

LOGGED = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
REWARDS = torch.tensor([1.0, -0.5, 2.0, 0.3], dtype=torch.float64)


def gradient(n_ranks: int | None, cap: float = 1e9) -> torch.Tensor:
    """Of the corrected loss, averaged over everything that the logging policy may have shown."""
    leaf = torch.tensor([0.3, 1.1, -0.4, 0.2], dtype=torch.float64, requires_grad=True)
    places = torch.arange(4)[:, None]  # one log row each
    logs = single_draws(leaf.expand(4, 4), torch.ones(4, 4, dtype=torch.bool), places)
    worths = (REWARDS * LOGGED * 4)[:, None]  # the mean over rows weighs each by its chance
    loss = shown_items_loss(logs, LOGGED.log()[:, None], worths, cap=cap, n_ranks=n_ranks)
    (found,) = torch.autograd.grad(loss, leaf)
    return -found


def truth(n_ranks: int) -> torch.Tensor:
    """∇ Σ α_K(a) r(a), α_K = the chance to be among n draws."""
    leaf = torch.tensor([0.3, 1.1, -0.4, 0.2], dtype=torch.float64, requires_grad=True)
    shown = 1 - (1 - leaf.softmax(0)).pow(n_ranks)
    (found,) = torch.autograd.grad((shown * REWARDS).sum(), leaf)
    return found


def test_the_correction_is_the_derivative_of_the_chance_to_be_shown() -> None:
    chances = torch.tensor([[0.001, 0.2, 0.9]], dtype=torch.float64, requires_grad=True)
    (derivative,) = torch.autograd.grad((1 - (1 - chances).pow(5)).sum(), chances)
    torch.testing.assert_close(top_k_correction(chances, 5), derivative)


@pytest.mark.parametrize("n_ranks", [1, 4])
def test_the_off_policy_gradient_is_that_of_the_policy_itself(n_ranks: int) -> None:
    torch.testing.assert_close(gradient(n_ranks), truth(n_ranks))


def test_a_cap_that_acts_and_a_missing_correction_both_bias_it() -> None:
    assert not torch.allclose(gradient(4, cap=1.0), truth(4), rtol=0.05)
    assert not torch.allclose(gradient(None), truth(4), rtol=0.05)
    torch.testing.assert_close(gradient(None), truth(1))


def test_weights_are_capped_and_carry_no_gradient() -> None:
    target = torch.tensor([-1.0, -1.0], requires_grad=True)
    found = importance(target, torch.tensor([-6.0, -1.0]), 10.0)
    assert found.tolist() == [10.0, 1.0]
    assert not found.requires_grad
