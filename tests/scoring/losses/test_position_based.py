"""The likelihood of what was done with items that may not have been looked at."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from scoring.losses.position_based import position_based_losses


def test_where_all_was_looked_at_it_is_the_cross_entropy_at_any_size() -> None:
    logits = torch.tensor([0.3, 30.0, 500.0, -500.0], requires_grad=True)
    targets = torch.tensor([0.7, 0.0, 0.0, 1.0])
    losses = position_based_losses(logits, targets, torch.ones(1))
    wanted = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    torch.testing.assert_close(losses, wanted)
    (slopes,) = torch.autograd.grad(losses.sum(), logits)
    torch.testing.assert_close(slopes, torch.sigmoid(logits) - targets)


def test_it_is_the_likelihood_of_being_looked_at_and_wanted() -> None:
    logits = torch.tensor([[0.3, 1.0], [-1.2, 2.0]])
    looked = torch.tensor([[0.25], [0.5]])
    chances = looked * torch.sigmoid(logits)
    happened = position_based_losses(logits, torch.ones(2, 2), looked)
    torch.testing.assert_close(happened, -chances.log())
    missed = position_based_losses(logits, torch.zeros(2, 2), looked)
    torch.testing.assert_close(missed, -(1 - chances).log())


def test_it_is_least_at_what_is_wanted_not_at_what_was_clicked() -> None:
    """Of those who look 40 % want it; 1 in 2 looks, so 20 % click."""
    logit = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for _ in range(500):
        loss = position_based_losses(logit, torch.tensor([0.2]), torch.tensor([0.5])).sum()
        (slope,) = torch.autograd.grad(loss, logit)
        logit = (logit - 5 * slope).detach().requires_grad_()
    assert torch.sigmoid(logit).item() == pytest.approx(0.4, abs=1e-3)
