"""Fixed weights: the objective is ``sum_i w_i L_i``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.balancing.contract import Balancer, stacked
from scoring.errors import BalancerError


class FixedWeights(Balancer):
    """The plain sum, or one with weights chosen beforehand. What all others are compared with.

    Args:
        tasks: Their names.
        weights: By task, 0 or more; those that are not named weigh 1.
    """

    weights: Tensor  # (T,)

    def __init__(self, tasks: Sequence[str], weights: Mapping[str, float] | None = None) -> None:
        super().__init__(tasks)
        given = dict(weights or {})
        if given.keys() - set(tasks) or any(not 0 <= w < float("inf") for w in given.values()):
            raise BalancerError(f"weights are {given}: 0 or more each, of tasks in {list(tasks)}")
        self.register_buffer("weights", torch.tensor([given.get(task, 1.0) for task in tasks]))

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """One backward pass of the weighted sum."""
        torch.autograd.backward((self.weights[self.places(losses)] * stacked(losses)).sum())
