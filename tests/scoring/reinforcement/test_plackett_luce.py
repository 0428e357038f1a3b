"""Probabilities and gradients of lists, beside an enumeration of all of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from scoring.reinforcement.baselines import leave_one_out
from scoring.reinforcement.objective import Surrogate
from scoring.reinforcement.plackett_luce import (
    Lists,
    RankDistributions,
    gumbel_top,
    log_probabilities_without_rules,
)
from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.field import Cap, Field
from scoring.slates.offered import offered

WORTH = [0.9, -0.3, 0.4, 1.6]
N = 3
ALL = torch.tensor(list(permutations(range(4), N)))  # (24, 3) every list there is


def worth(n_lists: int = len(ALL)) -> tuple[Tensor, Tensor]:
    """(4,) leaf, and (n, 4) rows of it."""
    leaf = torch.tensor(WORTH, dtype=torch.float64, requires_grad=True)
    return leaf, leaf.expand(n_lists, 4)


def rewards(lists: Tensor) -> Tensor:
    """Of whole lists: what is at a rank counts for what is above it as well."""
    gain = torch.tensor([1.0, 3.0, -2.0, 0.5], dtype=torch.float64)[lists]
    return 8 + gain[:, 0] * 2 + gain[:, 1] * gain[:, 0] - gain[:, 2]


def test_all_lists_together_have_the_probability_of_one_and_each_that_of_its_draws() -> None:
    _, rows = worth()
    logs = RankDistributions(rows.detach(), Lists.without_rules(ALL, 4)).log_probabilities()
    found = logs.sum(1).exp()
    assert float(found.sum()) == pytest.approx(1.0)
    e = np.exp(WORTH)
    by_hand = e[3] / e.sum() * e[0] / (e.sum() - e[3]) * e[1] / (e[1] + e[2])
    at = int((torch.tensor([3, 0, 1]) == ALL).all(1).nonzero())
    assert float(found[at]) == pytest.approx(by_hand)


def test_the_quick_form_has_the_same_probabilities_and_gradients() -> None:
    kept = []
    weights = torch.linspace(-1, 2, ALL.numel(), dtype=torch.float64).reshape(ALL.shape)
    for quick in (False, True):
        leaf, rows = worth()
        lists = Lists.without_rules(ALL, 4)
        logs = (
            log_probabilities_without_rules(rows, ALL)
            if quick
            else RankDistributions(rows, lists).log_probabilities()
        )
        (logs * weights).sum().backward()  # type: ignore[no-untyped-call]
        kept.append((logs.detach(), leaf.grad))
    torch.testing.assert_close(kept[0], kept[1])


def test_the_policy_gradient_is_that_of_the_mean_over_all_lists() -> None:
    """`Σ r log π`, weighted with how often lists come, against the derivative of `Σ π r`."""
    exact, rows = worth()
    chances = log_probabilities_without_rules(rows, ALL).sum(1).exp()
    (chances * rewards(ALL)).sum().backward()  # type: ignore[no-untyped-call]
    learned, rows = worth()
    logs = log_probabilities_without_rules(rows, ALL)
    gains = rewards(ALL)[:, None].expand(-1, N) * (chances.detach() * len(ALL))[:, None]
    loss = Surrogate(clip=0.2).loss(logs, logs.detach(), gains)
    loss.backward()  # type: ignore[no-untyped-call]
    assert exact.grad is not None
    torch.testing.assert_close(learned.grad, -exact.grad)


def test_a_leave_one_out_baseline_keeps_the_gradient_and_takes_variance_off() -> None:
    exact, rows = worth()
    chances = log_probabilities_without_rules(rows, ALL).sum(1).exp()
    (chances * rewards(ALL)).sum().backward()  # type: ignore[no-untyped-call]
    _, rows = worth()
    scores = torch.stack(  # (24, 4) ∇ log π of each list
        [
            torch.autograd.grad(each, rows, retain_graph=True)[0].sum(0)
            for each in log_probabilities_without_rules(rows, ALL).sum(1)
        ]
    )
    pairs = torch.cartesian_prod(torch.arange(24), torch.arange(24))  # two tries, all outcomes
    p = chances[pairs].prod(1).detach()[:, None]
    found = {}
    for name, gains in {
        "with": leave_one_out(rewards(ALL)[pairs].T).T,
        "without": rewards(ALL)[pairs],
    }.items():
        estimates = (gains[:, :, None] * scores[pairs]).mean(1)
        mean = (p * estimates).sum(0)
        torch.testing.assert_close(mean, exact.grad)
        found[name] = float((p * (estimates - mean).square()).sum())
    assert found["with"] < 0.8 * found["without"]


def test_gumbel_draws_come_as_often_as_their_probability_says() -> None:
    n = 40_000
    _, rows = worth(n)
    places = gumbel_top(rows, N, torch.Generator().manual_seed(5))
    _, all_rows = worth()
    expected = log_probabilities_without_rules(all_rows, ALL).sum(1).exp().detach()
    shares = (places[:, None] == ALL).all(2).double().mean(0)
    assert ((shares - expected).abs() < 5 * (expected / n).sqrt()).all()


def test_under_caps_and_pins_the_probabilities_are_the_propensities_of_the_draw() -> None:
    rng = np.random.default_rng(2)
    shape = (20, 6)
    field = Field(
        scores=rng.normal(size=shape),
        there=rng.random(shape) < 0.9,
        caps=[Cap("cap", rng.integers(0, 3, shape), np.full(shape, 2))],
        pins=np.tile([-1, 2, -1, -1], (20, 1)),
    )
    drawn = draw(field, Drawing(4, "softmax", 0.5), uniforms([str(i) for i in range(20)], 4))
    free = drawn.exists & ~drawn.pinned
    lists = Lists.of(drawn.places, free, offered(field, drawn))
    logs = RankDistributions(torch.from_numpy(field.scores / 0.5), lists).log_probabilities()
    np.testing.assert_allclose(logs.exp()[free], drawn.propensities[free], rtol=1e-9)
    assert (logs[~torch.from_numpy(free)] == 0).all()


def test_ranks_add_up_to_the_entropy_of_lists_and_to_their_divergence() -> None:
    rows = worth()[1].detach()
    other = rows.flip(1)
    lists = Lists.without_rules(ALL, 4)
    here, there = RankDistributions(rows, lists), RankDistributions(other, lists)
    logs, others = here.log_probabilities().sum(1), there.log_probabilities().sum(1)
    p = logs.exp()
    assert float((p * here.entropies().sum(1)).sum()) == pytest.approx(float(-(p * logs).sum()))
    assert float((p * here.divergences(there).sum(1)).sum()) == pytest.approx(
        float((p * (logs - others)).sum())
    )
