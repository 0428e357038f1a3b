"""Uncertainty weighting: a loss counts for less where its task is noisier."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.balancing.contract import Balancer, stacked
from scoring.errors import BalancerError


class UncertaintyWeights(Balancer):
    """Kendall, Gal & Cipolla, CVPR 2018, section 3.2: learned observation noise.

    With s_i = log sigma_i^2, learned like any other parameter, the objective is

        sum_i  exp(-s_i) L_i + s_i / 2        (classification: cross-entropy)
        sum_i  exp(-s_i) L_i / 2 + s_i / 2    (regression: squared error)

    Minimised over s_i, the first has the weight 1 / (2 L_i), the second 1 / (2 L_i), too: a loss
    is balanced by its own size. A loss that can reach 0 therefore gains weight without bound.

    Args:
        tasks: Their names.
        regression: Those whose loss is a squared error.
    """

    def __init__(self, tasks: Sequence[str], regression: Collection[str] = ()) -> None:
        super().__init__(tasks)
        if unknown := set(regression) - set(tasks):
            raise BalancerError(f"regression has {sorted(unknown)}; the tasks are {list(tasks)}")
        self.log_variances = nn.Parameter(torch.zeros(len(tasks)))  # (T,)
        self.register_buffer(
            "halves", torch.tensor([0.5 if task in regression else 1.0 for task in tasks])
        )

    halves: Tensor  # (T,)

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """One backward pass; the log-variances have their gradients, too."""
        places = self.places(losses)
        log_variances = self.log_variances[places]  # (n,)
        weights = self.halves[places] * torch.exp(-log_variances)
        torch.autograd.backward((weights * stacked(losses) + log_variances / 2).sum())
