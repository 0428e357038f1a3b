"""Cross-entropy with targets between 0 and 1."""

from __future__ import annotations

import math

import pytest
import torch

from scoring.losses.soft_targets import soft_target_loss

NAN = float("nan")


def test_it_is_least_at_the_mean_of_the_targets() -> None:
    targets = torch.tensor([0.1, 0.2, 0.9])
    logit = torch.zeros(1, requires_grad=True)
    for _ in range(200):
        (slope,) = torch.autograd.grad(soft_target_loss(logit.expand(3), targets), logit)
        logit = (logit - 2 * slope).detach().requires_grad_()
    assert torch.sigmoid(logit).item() == pytest.approx(0.4, abs=1e-4)


def test_what_was_not_observed_does_not_count() -> None:
    logits = torch.tensor([0.0, math.log(3), 7.0], requires_grad=True)
    loss = soft_target_loss(logits, torch.tensor([0.5, 1.0, NAN]))
    assert loss.item() == pytest.approx((math.log(2) - math.log(3 / 4)) / 2)
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad.tolist() == pytest.approx([0, -1 / 8, 0])


def test_where_nothing_was_observed_nothing_is_learned() -> None:
    logits = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = soft_target_loss(logits, torch.tensor([NAN, NAN]))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.tolist() == [0, 0]
