"""Dynamic weight average: a loss that falls more slowly than the others gains weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.balancing.contract import Balancer, stacked
from scoring.errors import BalancerError


class DynamicWeightAverage(Balancer):
    """Liu, Johns & Davison, CVPR 2019, section 3.2: weights from the pace of the last two epochs.

    With the mean losses L_i of epochs t-1 and t-2 and r_i = L_i(t-1) / L_i(t-2),

        w_i(t) = T exp(r_i / temperature) / sum_k exp(r_k / temperature),

    and 1 in the first two epochs.

    Args:
        tasks: Their names.
        temperature: Larger = more even; the paper's 2.
    """

    weights: Tensor  # (T,), those of the current epoch
    last: Tensor  # (T,) mean losses of the last epoch, NaN before there was one

    def __init__(self, tasks: Sequence[str], temperature: float = 2.0) -> None:
        super().__init__(tasks)
        if not temperature > 0:
            raise BalancerError(f"temperature is {temperature}, it must be above 0")
        self._temperature = temperature
        self.register_buffer("weights", torch.ones(len(tasks)))
        self.register_buffer("last", torch.full((len(tasks),), torch.nan))

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """One backward pass of the weighted sum."""
        torch.autograd.backward((self.weights[self.places(losses)] * stacked(losses)).sum())

    def end_epoch(self, mean_losses: Mapping[str, float]) -> None:
        """Set the weights of the next epoch. A task without a mean counts as at rest (r = 1)."""
        means = [mean_losses.get(task, float("nan")) for task in self.tasks]
        now = torch.tensor(means, device=self.last.device)  # (T,)
        pace = now / self.last
        pace = torch.where(pace.isfinite(), pace, 1.0)
        self.weights = len(self.tasks) * torch.softmax(pace / self._temperature, dim=0)
        self.last = torch.where(now.isnan(), self.last, now)
