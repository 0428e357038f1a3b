"""What every behaviour task promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Label = tuple[float | str | None, ...]
Logits = Mapping[str, Tensor]
"""Output -> (B,) or (B, C)."""

NAN = float("nan")


class BehaviourTask(ABC):
    """Labels, loss, measures and answers of one question about rows.

    It has no weights: those are of the sharing, which gives it the logits of its `outputs`.

    Attributes:
        name: Its own.
        outputs: Logits that are its own, by name, and how many each.
        needs: Tasks whose logits it reads as well.
    """

    name: str
    outputs: dict[str, int]
    needs: tuple[str, ...] = ()

    @abstractmethod
    def label(self, row: Mapping[str, object]) -> Label:
        """A row's label, None or NaN where it was not observed.

        Raises:
            ValueError: It is no label, and why.
        """

    def learn_facts(self, labels: NDArray[Any]) -> None:
        """Learn from the (n, k) labels of the training rows what is no weight."""
        return

    def facts(self) -> dict[str, Any]:
        """What JSON must hold for answers to mean the same."""
        return {}

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """Take `facts` back."""
        return

    def targets(self, labels: NDArray[Any]) -> Tensor:
        """(n, k) labels -> (n, k) float32, NaN where not observed."""
        return torch.from_numpy(labels.astype(np.float32))

    @abstractmethod
    def rates(self, targets: Mapping[str, Tensor]) -> dict[str, float]:
        """Output -> where it may begin: the mean of what it is to predict.

        Args:
            targets: Of all tasks, by name.
        """

    def seen(self, targets: Tensor) -> Tensor:
        """(n, k) -> (n,) whether a row counts."""
        return ~targets.isnan().all(dim=1)

    @abstractmethod
    def row_losses(self, logits: Logits, targets: Tensor) -> Tensor:
        """(n,) losses, 0 for rows that do not count."""

    def loss(self, logits: Logits, targets: Tensor) -> Tensor:
        """Their mean over the rows that count; 0 with a gradient of 0 where none does."""
        return self.row_losses(logits, targets).sum() / self.seen(targets).sum().clamp_min(1)

    @abstractmethod
    def chances(self, logits: Logits) -> Tensor:
        """(n,) in [0, 1], or (n, C)."""

    @abstractmethod
    def measures(self, logits: Logits, targets: Tensor) -> dict[str, float]:
        """How good the answers are, over the rows that count."""

    @abstractmethod
    def answers(self, logits: Logits) -> list[dict[str, Any]]:
        """One object a row."""


def observed(losses: Tensor, seen: Tensor) -> Tensor:
    """(n,) losses with zeros where nothing was seen."""
    return torch.where(seen, losses, 0.0)


def base_rates(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Output -> (n,) targets: the mean of what was observed, where a logit can begin there."""
    means = {name: float(each[~each.isnan()].mean()) for name, each in values.items()}
    return {name: mean for name, mean in means.items() if 0 < mean < 1}
