"""GradNorm: weights under which every task pulls at the shared parameters as hard as it should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.balancing.contract import Balancer, stacked
from scoring.balancing.per_task import add_gradient, backward_each
from scoring.errors import BalancerError
from scoring.training.processes import mean_over_processes


class GradNorm(Balancer):
    """Chen, Badrinarayanan, Lee & Rabinovich, ICML 2018, section 3 and algorithm 1.

    With G_i = ‖grad (w_i L_i)‖ over the shared parameters, its mean G, and the relative inverse
    training rate r_i = (L_i / L_i(0)) / mean_k (L_k / L_k(0)), the weights descend on

        sum_i | G_i - G r_i^alpha |,      the targets G r_i^alpha being held constant,

    and are scaled so that they sum to the number of tasks. What differs from the paper: the step is
    taken in log w_i, so that no weight becomes negative, and in units of G, so that `rate` means
    the same for every model; the factors r_i^alpha are divided by their mean, for otherwise the
    targets of tasks far apart cannot all be reached and a weight falls to 0; and the norm is over
    all shared parameters that are given (give those of the last layer to have the paper's).

    The weights are a buffer with a rate of their own, not a parameter of the loop's optimiser.

    Args:
        tasks: Their names.
        alpha: How strongly a task that lags behind is pulled; 0 = equal norms.
        rate: Of a step; the paper's 0.025.
    """

    weights: Tensor  # (T,)
    first: Tensor  # (T,) the first loss of each task, NaN before there was one

    def __init__(self, tasks: Sequence[str], alpha: float = 1.5, rate: float = 0.025) -> None:
        super().__init__(tasks)
        if not (alpha >= 0 and rate > 0):
            raise BalancerError(f"alpha is {alpha}, rate {rate}: 0 or more, and above 0")
        self._alpha, self._rate = alpha, rate
        self.register_buffer("weights", torch.ones(len(tasks)))
        self.register_buffer("first", torch.full((len(tasks),), torch.nan))

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """One backward pass a loss, then a step of the weights for the next time."""
        places = self.places(losses)
        # One by one: through a stack, each pass would go back through all the other losses, too.
        weights = self.weights[places].unbind()
        weighted = [w * loss for w, loss in zip(weights, losses.values(), strict=True)]
        rows = backward_each(weighted, shared)  # (n, P)
        add_gradient(shared, rows.sum(dim=0))
        now = mean_over_processes(stacked(losses).detach().to(self.first))
        first = self.first[places]
        self.first[places] = torch.where(first.isnan(), now, first)
        if len(places) > 1:
            self._step(places, rows.norm(dim=1).to(self.weights), now / self.first[places])

    def _step(self, places: Tensor, norms: Tensor, ratios: Tensor) -> None:
        """(n,) norms and L / L(0) -> new weights of these tasks; their sum stays as it is."""
        mean = norms.mean()
        pulls = (ratios / ratios.mean()) ** self._alpha
        pulls = pulls / pulls.mean()
        if not (mean > 0 and pulls.isfinite().all()):
            return  # nothing pulls at all, or a loss began at 0: there is nothing to compare
        slopes = torch.sign(norms - mean * pulls) * norms / mean
        old = self.weights[places]
        new = old * torch.exp(-self._rate * slopes)
        self.weights[places] = new * old.sum() / new.sum()
