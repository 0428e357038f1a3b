"""CAGrad: near the mean gradient, the step that helps the worst-off task most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from scoring.balancing.contract import Balancer
from scoring.balancing.per_task import add_gradient, backward_each
from scoring.errors import BalancerError


class CAGrad(Balancer):
    """Liu, Liu, Jin, Stone & Liu, NeurIPS 2021, algorithm 1: conflict-averse gradient descent.

    With the mean gradient g0, the step is ``max_d min_i g_i · d  so that ‖d - g0‖ <= c ‖g0‖``. Its
    dual has one number a task: over the simplex, w minimises ``g_w · g0 + c ‖g0‖ ‖g_w‖`` with
    ``g_w = sum_i w_i g_i``, and then ``d = g0 + c ‖g0‖ / ‖g_w‖ g_w``. As in the authors' code, it
    is multiplied by the number of tasks, to have the size of a sum of losses. Private parameters
    have their plain gradients, and so has a step with a single loss.

    Args:
        tasks: Their names.
        c: How far from the mean, in [0, 1); 0 = plain sum.
    """

    def __init__(self, tasks: Sequence[str], c: float = 0.4) -> None:
        super().__init__(tasks)
        if not 0 <= c < 1:
            raise BalancerError(f"c is {c}, it must be 0 or more and below 1")
        self._c = c

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """One backward pass a loss."""
        n = len(self.places(losses))
        rows = backward_each(list(losses.values()), shared)  # (n, P)
        c = self._c if n > 1 else 0.0
        weights = conflict_averse((rows @ rows.T).double().cpu().numpy(), c)
        add_gradient(shared, n * torch.from_numpy(weights).to(rows) @ rows)


def conflict_averse(products: NDArray[np.float64], c: float) -> NDArray[np.float64]:
    """Products of gradients g_i · g_j (T, T) -> (T,) weights of d as a sum of the g_i.

    With c = 0 this is the mean: 1 / T each.
    """
    n = len(products)
    mean = np.full(n, 1 / n)
    size = products.mean()  # ‖g0‖²
    if c == 0 or size <= 0:
        return mean
    gram = products / size  # now ‖g0‖ = 1
    tiny = 1e-12

    def dual(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        pulled = gram @ w
        length = np.sqrt(max(w @ pulled, 0.0) + tiny)
        return float(pulled @ mean + c * length), gram @ mean + c * pulled / length

    found = minimize(
        dual,
        mean,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-10},
    )
    w = np.clip(found.x, 0, None)
    w = w / w.sum() if np.isfinite(w).all() and w.sum() > 0 else mean
    weights: NDArray[np.float64] = mean + c * w / np.sqrt(max(w @ gram @ w, 0.0) + tiny)
    return weights
