"""Yes or no: a click, an ad click, a conversion by itself, an attribute of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from scoring.behaviour.columns import yes_or_no
from scoring.behaviour.recipe import BinarySettings
from scoring.behaviour.tasks.contract import BehaviourTask, Label, Logits, base_rates, observed
from scoring.measures import auc, calibration_gap

DECIMALS: Final = 6


class Binary(BehaviourTask):
    """Labels 0 or 1; answers `score`, P(1)."""

    def __init__(self, name: str, settings: BinarySettings) -> None:
        self.name = name
        self.outputs = {name: 1}
        self._column = settings.column or name

    def label(self, row: Mapping[str, object]) -> Label:
        """0, 1, or NaN for an empty one."""
        return (yes_or_no(row, self._column),)

    def rates(self, targets: Mapping[str, Tensor]) -> dict[str, float]:
        """The share of ones."""
        return base_rates({self.name: targets[self.name][:, 0]})

    def row_losses(self, logits: Logits, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        seen = self.seen(targets)
        wanted = torch.where(seen, targets[:, 0], 0.0)
        losses = binary_cross_entropy_with_logits(logits[self.name], wanted, reduction="none")
        return observed(losses, seen)

    def chances(self, logits: Logits) -> Tensor:
        """(n,)."""
        return logits[self.name].sigmoid()

    def measures(self, logits: Logits, targets: Tensor) -> dict[str, float]:
        """AUC, log loss, and how far chances are from what happened."""
        seen = self.seen(targets)
        return binary_measures(
            self.chances(logits)[seen], targets[seen, 0], self.loss(logits, targets)
        )

    def answers(self, logits: Logits) -> list[dict[str, Any]]:
        """The chance."""
        return [{"score": round(chance, DECIMALS)} for chance in self.chances(logits).tolist()]


def binary_measures(chances: Tensor, happened: Tensor, loss: Tensor) -> dict[str, float]:
    """(n,) chances, (n,) 0 or 1, () mean log loss -> measures, with the number of ones."""
    return {
        "auc": auc(chances.numpy(), happened.numpy()),
        "log_loss": float(loss),
        "calibration_error": calibration_gap(chances.numpy(), happened.numpy()),
        "expected": float(chances.sum()),
        "happened": float(happened.sum()),
    }
