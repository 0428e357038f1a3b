"""Two losses over two shared values, with gradients that are known beforehand, and private ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class TwoTasks:
    """Losses g_a · theta + 3 p_a + 1 and g_b · theta + 5 p_b + 1: linear, so gradients stay."""

    a: tuple[float, float]
    b: tuple[float, float]

    def __post_init__(self) -> None:
        self.theta = nn.Parameter(torch.zeros(2))
        self.own = {name: nn.Parameter(torch.zeros(())) for name in "ab"}

    def losses(self) -> dict[str, Tensor]:
        """Of one graph."""
        return {
            "a": torch.tensor(self.a, dtype=torch.float32) @ self.theta + 3 * self.own["a"] + 1,
            "b": torch.tensor(self.b, dtype=torch.float32) @ self.theta + 5 * self.own["b"] + 1,
        }

    def private_gradients(self) -> tuple[float, float]:
        """Of both private values."""
        found = []
        for own in self.own.values():
            assert own.grad is not None
            found.append(own.grad.item())
        return found[0], found[1]

    def shared_gradient(self) -> list[float]:
        """Of theta."""
        assert self.theta.grad is not None
        return self.theta.grad.tolist()
