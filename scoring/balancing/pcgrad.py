"""PCGrad: from each task's gradient, what contradicts another task's is taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.balancing.contract import Balancer
from scoring.balancing.per_task import add_gradient, backward_each


class PCGrad(Balancer):
    """Yu et al., NeurIPS 2020, algorithm 1: projecting conflicting gradients.

    Where two gradients have a negative product, one is projected onto the normal plane of the
    other, ``g_i -= (g_i · g_j) / ‖g_j‖² g_j``; the projected ones are summed. Private parameters
    have their plain gradients.

    Related: `CAGrad` chooses the best compromise; here it depends on a random order.
    """

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """One backward pass a loss. Orders are drawn from torch's global generator."""
        self.places(losses)
        rows = backward_each(list(losses.values()), shared)  # (T, P)
        orders = [torch.randperm(len(rows)).tolist() for _ in rows]
        weights = without_conflicts(rows @ rows.T, orders)
        add_gradient(shared, weights.to(rows) @ rows)


def without_conflicts(products: Tensor, orders: Sequence[Sequence[int]]) -> Tensor:
    """Products of gradients (T, T) -> (T,) weights of their sum after all projections.

    A projected gradient is a combination of the original ones, so everything but the last sum
    happens among T × T numbers.

    Args:
        products: g_i · g_j.
        orders: For each i, the order of the j against which it is projected; i itself is skipped.
    """
    gram = products.detach().double().cpu()
    parts = torch.eye(len(gram), dtype=torch.float64)  # row i: what projected g_i is made of
    for i, order in enumerate(orders):
        for j in order:
            product = parts[i] @ gram[:, j]
            if j != i and product < 0 and gram[j, j] > 0:
                parts[i, j] -= product / gram[j, j]
    return parts.sum(dim=0)
