"""ESMM's loss of a sale, on logits that are worked out by hand and on ones that are hopeless."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.losses.esmm import log_sale_chances, sale_losses

logits = st.floats(-30, 30)


@settings(deadline=None)
@given(logits, logits)
def test_a_sale_is_a_click_and_a_conversion(click: float, conversion: float) -> None:
    """p(ctcvr) = p(ctr) p(cvr), and the two logarithms belong to one probability."""
    u, v = torch.tensor([[click], [conversion]], dtype=torch.float64)
    log_sale, log_none = log_sale_chances(u, v)
    product = 1 / (1 + math.exp(-click)) / (1 + math.exp(-conversion))
    assert log_sale.exp().item() == pytest.approx(product, rel=1e-9)
    assert log_sale.exp().item() + log_none.exp().item() == pytest.approx(1)


def test_losses_by_hand() -> None:
    """p(click) = 1/2 and 3/4, p(conversion) = 1/2: p(sale) = 1/4 and 3/8."""
    click = torch.tensor([0.0, math.log(3)])
    losses = sale_losses(click, torch.zeros(2), torch.tensor([1.0, 0.0]))
    assert losses.tolist() == pytest.approx([-math.log(1 / 4), -math.log(5 / 8)])


def test_a_sale_teaches_the_conversion_and_its_absence_the_click_as_well() -> None:
    click, conversion = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    torch.autograd.backward(sale_losses(click, conversion, torch.zeros(1)))
    assert click.grad is not None
    assert conversion.grad is not None
    # d/du -log(1 - s(u) s(v)) = s(u) s(v) (1 - s(u)) / (1 - s(u) s(v)) = (1/8) / (3/4)
    assert click.grad.item() == pytest.approx(1 / 6)
    assert conversion.grad.item() == pytest.approx(1 / 6)


@pytest.mark.parametrize("size", [50.0, 1000.0])
def test_no_logit_is_too_large(size: float) -> None:
    """A sale that was certain not to happen, and none where one was certain, in float32."""
    for sign, label in ((1.0, 0.0), (-1.0, 1.0)):
        click = torch.full((1,), sign * size, requires_grad=True)
        conversion = torch.full((1,), sign * size, requires_grad=True)
        sale = sale_losses(click, conversion, torch.tensor([label]))
        torch.autograd.backward(sale)
        expected = size - math.log(2) if label == 0 else 2 * size
        assert sale.item() == pytest.approx(expected, rel=1e-3)
        assert click.grad is not None
        assert click.grad.isfinite().all()
        assert click.grad.abs() > 0.4
