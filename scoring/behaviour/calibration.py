"""Honest chances: a slope and a shift for each logit, fitted on rows that were not learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


class Calibration(nn.Module):
    """Platt scaling (Platt 1999) of single logits, temperature (Guo et al. 2017) of several.

    ``z' = exp(a) z + b``, b = 0 for classes. a and b have a normal prior of unit width, so that ten
    conversions do not bend what thousands of rows have made.

    Attributes:
        slopes: (O,) a, one an output.
        shifts: (O,) b.
    """

    slopes: Tensor
    shifts: Tensor

    def __init__(self, outputs: Mapping[str, int]) -> None:
        super().__init__()
        self._places = {name: place for place, name in enumerate(outputs)}
        self._single = torch.tensor([float(n == 1) for n in outputs.values()])
        self.register_buffer("slopes", torch.zeros(len(outputs)))
        self.register_buffer("shifts", torch.zeros(len(outputs)))

    def forward(self, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Output -> calibrated logits, of the same shapes."""
        return self._applied(logits, self.slopes, self.shifts)

    def fit(
        self, logits: Mapping[str, Tensor], names: tuple[str, ...], loss: Callable[..., Tensor]
    ) -> None:
        """Fit these outputs; those that were fitted before stay as they are.

        Args:
            logits: (n,) or (n, C) of all outputs, as the model gives them.
            names: Outputs of one task.
            loss: Calibrated logits -> () sum of the task's losses over rows.
        """
        own = torch.tensor([float(name in names) for name in self._places], dtype=torch.float64)
        there = {name: each.double() for name, each in logits.items()}
        moves = torch.zeros(2, len(own), dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.LBFGS([moves], max_iter=100, line_search_fn="strong_wolfe")

        def values() -> tuple[Tensor, Tensor]:
            slopes = torch.where(own > 0, moves[0], self.slopes.double())
            return slopes, torch.where(own > 0, moves[1] * self._single, self.shifts.double())

        def closure() -> float:
            optimiser.zero_grad()
            objective = loss(self._applied(there, *values())) + moves.square().sum() / 2
            torch.autograd.backward(objective)
            return float(objective.detach())

        with torch.enable_grad():
            optimiser.step(closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            slopes, shifts = values()
            self.slopes.copy_(slopes)
            self.shifts.copy_(shifts)

    def _applied(
        self, logits: Mapping[str, Tensor], slopes: Tensor, shifts: Tensor
    ) -> dict[str, Tensor]:
        return {
            name: logits[name] * slopes[place].exp() + shifts[place]
            for name, place in self._places.items()
        }
