"""Losses against the same sums written out row by row; values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

from scoring.losses.contrastive import contrastive, leading_parts, supervised_contrastive
from scoring.losses.order import order_loss


def assert_same(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    one, other = first(a), second(b)
    torch.autograd.backward(one)
    torch.autograd.backward(other)
    torch.testing.assert_close(one, other)
    torch.testing.assert_close(a.grad, b.grad)


def plain_contrast(x: Tensor) -> Tensor:
    left, right = x[:3], x[3:]
    total = x.new_zeros(())
    for i in range(3):
        forth = torch.stack([cosine_similarity(left[i], right[j], dim=0) / 0.1 for j in range(3)])
        back = torch.stack([cosine_similarity(left[j], right[i], dim=0) / 0.1 for j in range(3)])
        total = total + cross_entropy(forth, torch.tensor(i)) + cross_entropy(back, torch.tensor(i))
    return total / 6


def test_contrast_is_cross_entropy_over_the_batch_both_ways() -> None:
    assert_same(lambda x: contrastive(x[:3], x[3:], 0.1), plain_contrast)


def test_what_is_as_right_is_no_negative() -> None:
    """Rows 0 and 1 ask the same: each is judged among itself and row 2 only."""
    x = torch.eye(3, dtype=torch.float64)
    same = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    found = contrastive(x, x, 1.0, same)
    alone = -math.log(math.e / (math.e + 1))
    both = -math.log(math.e / (math.e + 2))
    assert float(found) == pytest.approx((2 * alone + both) / 3)


def test_a_frequent_answer_is_let_off_where_it_is_a_negative() -> None:
    """By hand: all logits 0, the last two of three answers drawn three times as often."""
    zeros = torch.zeros(3, 4, dtype=torch.float64)
    log_q = torch.tensor([1.0, 3.0, 3.0], dtype=torch.float64).log()
    found = contrastive(zeros, zeros, 1.0, log_q=log_q)
    # exp(-log q) is 1, 1/3, 1/3: the first question gives its own answer 3/5, the others 1/5
    forth = -(math.log(3 / 5) + 2 * math.log(1 / 5)) / 3
    assert float(found) == pytest.approx((forth + math.log(3)) / 2)


LABELS = torch.tensor([0, 1, 0, 1, 1, 2])


def plain_supervised(x: Tensor) -> Tensor:
    rows = []
    for i in range(5):  # row 5 has no partner
        cosines = {j: cosine_similarity(x[i], x[j], dim=0) / 0.2 for j in range(6) if j != i}
        below = torch.stack(list(cosines.values())).exp().sum()
        partners = [j for j in cosines if LABELS[j] == LABELS[i]]
        rows.append(torch.stack([-(cosines[j].exp() / below).log() for j in partners]).mean())
    return torch.stack(rows).mean()


def test_supervised_contrast_is_the_mean_over_partners() -> None:
    assert_same(lambda x: supervised_contrastive(x, LABELS, 0.2), plain_supervised)


def test_supervised_contrast_without_any_partner_is_nothing() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    loss = supervised_contrastive(x, torch.tensor([0, 1, 2]), 0.2)
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert x.grad is not None
    assert torch.all(x.grad == 0)


GRADES = torch.tensor([1.0, 3.0, 2.0, 3.0, 1.0, 2.0])


def plain_order(x: Tensor) -> Tensor:
    scores, total = x[:, 0], torch.ones((), dtype=x.dtype)
    for i in range(6):
        for j in range(6):
            if GRADES[i] > GRADES[j]:
                total = total + (4.0 * (scores[j] - scores[i])).exp()
    return total.log()


def test_order_loss_is_one_sum_over_all_wrong_orders() -> None:
    assert_same(lambda x: order_loss(x[:, 0], GRADES, 4.0), plain_order)


def test_only_the_order_of_grades_counts() -> None:
    scores = torch.randn(6)
    assert order_loss(scores, GRADES) == order_loss(scores, GRADES**3 * 10)
    assert float(order_loss(scores, torch.ones(6))) == 0


def test_leading_parts_end_with_the_whole() -> None:
    parts = leading_parts(torch.arange(8.0).reshape(1, 8), [4, 2, 4, 8, 99])
    assert [part.shape[1] for part in parts] == [2, 4, 8]
    assert parts[0].tolist() == [[0, 1]]
