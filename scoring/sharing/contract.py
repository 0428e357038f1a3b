"""What every form of sharing promises."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from scoring.errors import SharingError
from scoring.sharing.mlp import mlp


class Sharing(nn.Module, ABC):
    """Features -> one logit, or one a class, for each task.

    Args:
        outputs: Task -> number of logits; 1 for a binary task or a regression.

    Attributes:
        tasks: Their names, in the order of every list with one module a task.
        outputs: As given.
        towers: One a task; the last layer of each is linear.
    """

    towers: nn.ModuleList

    def __init__(self, outputs: Mapping[str, int]) -> None:
        super().__init__()
        if not outputs or min(outputs.values()) < 1:
            raise SharingError(f"outputs are {dict(outputs)}: at least one task, 1 or more each")
        self.tasks = tuple(outputs)
        self.outputs = dict(outputs)

    @abstractmethod
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, D) features -> task -> (B,) logits, or (B, C) where it has C > 1 outputs."""

    @abstractmethod
    def private(self, task: str) -> list[nn.Parameter]:
        """Parameters that only this task's loss reaches.

        Raises:
            SharingError: No such task.
        """

    def shared(self) -> list[nn.Parameter]:
        """All other parameters: what a balancer calls shared."""
        own = {id(parameter) for task in self.tasks for parameter in self.private(task)}
        return [parameter for parameter in self.parameters() if id(parameter) not in own]

    def start_at(self, rates: Mapping[str, float]) -> None:
        """Let binary tasks begin at their base rates instead of at one half.

        The last bias becomes the log odds (Lin et al., ICCV 2017, section 4.1): where one click in
        500 converts, training otherwise spends its first epochs on finding that out.

        Args:
            rates: Task with one output -> share of ones in the training rows, between 0 and 1.

        Raises:
            SharingError: No such task, a task of several outputs, or a rate of 0 or 1.
        """
        for task, rate in rates.items():
            place = self.place(task)
            if self.outputs[task] != 1 or not 0 < rate < 1:
                raise SharingError(
                    f"task {task!r} with {self.outputs[task]} outputs cannot start at {rate}: 1 "
                    "output and a rate between 0 and 1 are needed"
                )
            *_, last = self.towers[place].modules()
            with torch.no_grad():
                cast(nn.Linear, last).bias.fill_(math.log(rate / (1 - rate)))

    def place(self, task: str) -> int:
        """Where a task is in `tasks`.

        Raises:
            SharingError: No such task.
        """
        if task not in self.outputs:
            raise SharingError(f"no task is called {task!r}; there are {', '.join(self.tasks)}")
        return self.tasks.index(task)


def towers(
    dim: int, hidden: Iterable[int], outputs: Mapping[str, int], dropout: float
) -> nn.ModuleList:
    """One MLP a task, each with an output layer of its own."""
    return nn.ModuleList(mlp((dim, *hidden), dropout, out) for out in outputs.values())


def read_out(tower: nn.Module, x: Tensor) -> Tensor:
    """(B, H) -> (B,) logits, or (B, C) where the tower has C > 1 outputs."""
    logits: Tensor = tower(x)  # (B, C)
    return logits.squeeze(-1) if logits.shape[-1] == 1 else logits
