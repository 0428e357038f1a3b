"""Methods that change directions: PCGrad and CAGrad."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scoring.balancing import CAGrad, PCGrad
from scoring.balancing.cagrad import conflict_averse
from scoring.balancing.pcgrad import without_conflicts
from tests.scoring.balancing.two_tasks import TwoTasks

seeds = st.integers(0, 10_000)


def gradients(seed: int, n: int, size: int = 5) -> Tensor:
    """(n, size) random rows, some of them much longer than others."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, size, generator=generator, dtype=torch.float64)
    return rows * torch.rand(n, 1, generator=generator, dtype=torch.float64) * 10


def test_pcgrad_of_two_conflicting_gradients() -> None:
    """By hand: a = (1, 0), b = (-1, 1), a·b = -1.

    a - (-1 / 2) b = (1/2, 1/2);  b - (-1 / 1) a = (0, 1);  their sum is (1/2, 3/2).
    """
    tasks = TwoTasks((1, 0), (-1, 1))
    PCGrad(["a", "b"]).backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([0.5, 1.5])
    assert tasks.private_gradients() == (3, 5)


def test_pcgrad_leaves_gradients_alone_that_agree() -> None:
    tasks = TwoTasks((1, 2), (2, 1))
    PCGrad(["a", "b"]).backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([3, 3])


def plain_pcgrad(rows: Tensor, orders: list[list[int]]) -> Tensor:
    """Algorithm 1 of the paper, word by word."""
    projected = rows.clone()
    for i, order in enumerate(orders):
        for j in order:
            if i == j:
                continue
            product = projected[i] @ rows[j]
            if product < 0:
                projected[i] = projected[i] - product / (rows[j] @ rows[j]) * rows[j]
    return projected.sum(dim=0)


@settings(deadline=None)
@given(seeds, st.integers(1, 6))
def test_pcgrad_among_products_is_the_plain_algorithm(seed: int, n: int) -> None:
    rows = gradients(seed, n)
    orders = [
        torch.randperm(n, generator=torch.Generator().manual_seed(seed + i)).tolist()
        for i in range(n)
    ]
    found = without_conflicts(rows @ rows.T, orders) @ rows
    torch.testing.assert_close(found, plain_pcgrad(rows, orders))


def test_pcgrad_of_a_vanished_gradient_is_finite() -> None:
    """A length whose square is 0 in float32, while its product with another is not."""
    products = torch.tensor([[1e10, -1e-18], [-1e-18, 0.0]])
    assert without_conflicts(products, [[0, 1], [1, 0]]).tolist() == pytest.approx([1, 1])


@settings(deadline=None)
@given(seeds, st.integers(2, 6))
def test_cagrad_with_c_zero_is_the_mean(seed: int, n: int) -> None:
    rows = gradients(seed, n).numpy()
    found = conflict_averse(rows @ rows.T, 0.0) @ rows
    np.testing.assert_allclose(found, rows.mean(axis=0))


def test_cagrad_with_c_zero_is_the_plain_sum_as_a_balancer() -> None:
    tasks = TwoTasks((1, 0), (-1, 1))
    CAGrad(["a", "b"], c=0.0).backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([0, 1])
    assert tasks.private_gradients() == (3, 5)


@settings(deadline=None, max_examples=60)
@given(seeds, st.integers(2, 6), st.floats(0.05, 0.95))
def test_cagrad_is_no_worse_for_the_worst_task_than_any_other_step_so_near(
    seed: int, n: int, c: float
) -> None:
    """The primal problem, with random rivals of the ball."""
    rows = gradients(seed, n).numpy()
    mean = rows.mean(axis=0)
    step = conflict_averse(rows @ rows.T, c) @ rows
    radius = c * np.linalg.norm(mean)
    assert np.linalg.norm(step - mean) <= radius * (1 + 1e-6)
    rng = np.random.default_rng(seed)
    rivals = rng.standard_normal((2000, rows.shape[1]))
    rivals *= radius / np.linalg.norm(rivals, axis=1, keepdims=True)
    worst_of_rivals = ((mean + rivals) @ rows.T).min(axis=1).max()
    slack = 1e-4 * np.abs(rows @ rows.T).max()
    assert (rows @ step).min() >= worst_of_rivals - slack
    assert (rows @ step).min() >= (rows @ mean).min() - slack


def test_cagrad_of_two_gradients_by_hand() -> None:
    """A = (4, 0), b = (0, 1), so b is worse off: g0 = (2, .5), and w goes to b alone.

    With w = (0, 1): g_w = b, d = g0 + c ‖g0‖ b. It is the best while a·d = 8 is more than
    b·d = .5 + c ‖g0‖ = .5 + .4 * 2.0616.
    """
    tasks = TwoTasks((4, 0), (0, 1))
    CAGrad(["a", "b"], c=0.4).backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([4, 1 + 2 * 0.4 * 4.25**0.5], rel=1e-4)


def test_cagrad_of_opposite_gradients_stands_still() -> None:
    tasks = TwoTasks((1, 0), (-1, 0))
    CAGrad(["a", "b"]).backward(tasks.losses(), [tasks.theta])
    assert tasks.shared_gradient() == pytest.approx([0, 0], abs=1e-6)
