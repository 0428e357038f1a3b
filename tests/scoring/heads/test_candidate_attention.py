"""Candidate-aware attention against loops, and what a mask hides."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scoring.heads.candidate_attention import CandidateAttention


@pytest.fixture
def attention() -> CandidateAttention:
    torch.manual_seed(0)
    made = CandidateAttention(4, hidden=5)
    with torch.no_grad():
        made.activation.weight.fill_(0.3)
    return made


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Two users of three items, the second with one of them only, and two candidates each."""
    generator = torch.Generator().manual_seed(1)
    history = torch.randn(2, 3, 4, generator=generator)
    mask = torch.tensor([[True, True, True], [False, True, False]])
    return history, mask, torch.randn(2, 2, 4, generator=generator)


def plain(attention: CandidateAttention, history: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
    """Equation 3 of the paper, one pair at a time: a network of [h, c, h * c]."""
    weight = torch.cat(
        [
            attention.of_history.weight,
            attention.of_candidate.weight,
            attention.of_product.weight,
        ],
        dim=1,
    )
    users = []
    for b in range(len(history)):
        rows = []
        for c in wanted[b]:
            total = torch.zeros_like(c)
            for t, h in enumerate(history[b]):
                if mask[b, t]:
                    pair = weight @ torch.cat([h, c, h * c]) + attention.of_history.bias
                    total = total + attention.out(attention.activation(pair)) * h
            rows.append(total)
        users.append(torch.stack(rows))
    return torch.stack(users)


def test_values_and_gradients_are_those_of_plain_loops(attention: CandidateAttention) -> None:
    history, mask, candidates = inputs()
    found, expected = attention(history, mask, candidates), plain(attention, *inputs())
    torch.testing.assert_close(found, expected)
    parameters = list(attention.parameters())
    weights = torch.randn(found.shape)
    ours = torch.autograd.grad((found * weights).sum(), parameters)
    plains = torch.autograd.grad((expected * weights).sum(), parameters)
    for mine, other in zip(ours, plains, strict=True):
        torch.testing.assert_close(mine, other)


def test_answers_in_blocks_and_for_many_candidates_are_the_same(
    attention: CandidateAttention,
) -> None:
    """More candidates than history: the history is multiplied first; three users: two blocks."""
    history, mask, _ = (torch.cat([each, each[:1]]) for each in inputs())
    candidates = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = attention(history, mask, candidates)
    torch.testing.assert_close(found, plain(attention, history, mask, candidates).detach())


def test_what_is_masked_has_no_weight_and_no_gradient(attention: CandidateAttention) -> None:
    history, mask, candidates = inputs()
    other = history.clone()
    other[~mask] = 1e6
    other.requires_grad_()
    found = attention(other, mask, candidates)
    torch.testing.assert_close(found, attention(history, mask, candidates))
    assert (attention.weights(history, mask, candidates)[1, :, [0, 2]] == 0).all()
    torch.autograd.backward(found.sum())
    assert other.grad is not None
    assert not other.grad[~mask].any()
    assert other.grad[mask].any()


def test_a_user_without_history_has_a_zero(attention: CandidateAttention) -> None:
    history, mask, candidates = inputs()
    assert not attention(history, torch.zeros_like(mask), candidates).any()


def test_the_same_item_twice_speaks_twice_as_loud(attention: CandidateAttention) -> None:
    """No softmax: intensity is kept."""
    history, _, candidates = inputs()
    once = attention(history[:1, :1], torch.ones(1, 1, dtype=torch.bool), candidates[:1])
    twice_in = history[:1, :1].expand(-1, 2, -1)
    twice = attention(twice_in, torch.ones(1, 2, dtype=torch.bool), candidates[:1])
    torch.testing.assert_close(twice, 2 * once)


def test_it_learns_which_history_belongs_to_a_candidate() -> None:
    """A candidate asks for the value beside its own kind: (kind A, kind B, value)."""
    torch.manual_seed(0)
    attention = CandidateAttention(3, hidden=8)
    n = 256
    values = torch.randn(n, 2)
    kinds = torch.eye(2).expand(n, 2, 2)
    history = torch.cat([kinds, values.unsqueeze(-1)], dim=-1)  # (n, 2, 3)
    asked = torch.randint(0, 2, (n,))
    candidates = torch.cat([torch.eye(2)[asked], torch.zeros(n, 1)], dim=1).unsqueeze(1)
    target = values[torch.arange(n), asked]
    optimiser = torch.optim.Adam(attention.parameters(), lr=0.02)
    mask = torch.ones(n, 2, dtype=torch.bool)
    for _ in range(300):
        optimiser.zero_grad()
        error = (attention(history, mask, candidates)[:, 0, 2] - target).square().mean()
        torch.autograd.backward(error)
        optimiser.step()
    assert error.item() < 0.05  # the mean of both values would leave 0.5
