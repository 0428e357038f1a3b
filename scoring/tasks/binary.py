"""Yes or no about a text: is a review content?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from scoring.heads.cosine_classes import fit_temperature
from scoring.heads.yes_no import YesNo
from scoring.measures import auc
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.recipe import BinarySettings
from scoring.training.rows import Fields


class Binary(Task):
    """Rows `text`, `label` (a number: a class or a rating); answers `score`, P(yes)."""

    asked = ("text",)
    classifies = True

    def __init__(self, settings: BinarySettings) -> None:
        self._settings = settings

    def example(self, fields: Fields) -> Example | None:
        """Labels between the two limits have no place here."""
        label = fields.number("label")
        if self._settings.no_to < label < self._settings.yes_from:
            return None
        return Example((fields.text("text"),), float(label >= self._settings.yes_from))

    def make_head(self, dim: int) -> YesNo:
        """One logit."""
        return YesNo(dim)

    def loss(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Binary cross-entropy."""
        targets = _targets(rows).to(vectors[0].device)
        return binary_cross_entropy_with_logits(head(vectors[0]), targets)

    def calibrate(
        self,
        head: nn.Module,
        learned: tuple[Vectors, Sequence[Example]] | None,
        held_out: tuple[Vectors, Sequence[Example]] | None,
        worn: Vectors | None,
    ) -> None:
        """Temperature from rows that were not learned."""
        if held_out is not None:
            with torch.no_grad():
                logits = head(held_out[0][0])
            both = torch.stack([torch.zeros_like(logits), logits], dim=1)  # (n, 2)
            temperature = fit_temperature(both, _targets(held_out[1]).long())
            cast(Tensor, head.temperature).fill_(temperature)

    def measures(
        self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]
    ) -> dict[str, float]:
        """AUC and log loss."""
        targets = _targets(rows)
        with torch.no_grad():
            logits = head(vectors[0]) / head.temperature
        return {
            "auc": auc(logits.numpy(), targets.numpy()),
            "log_loss": float(binary_cross_entropy_with_logits(logits, targets)),
        }

    def row_losses(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Log loss of calibrated probabilities."""
        logits = head(vectors[0]) / head.temperature
        return binary_cross_entropy_with_logits(logits, _targets(rows), reduction="none")

    def answers(self, head: nn.Module, vectors: Vectors) -> list[dict[str, Any]]:
        """Probability of a yes."""
        with torch.no_grad():
            scores = (head(vectors[0]) / head.temperature).sigmoid()
        return [{"score": round(score, 4)} for score in scores.tolist()]


def _targets(rows: Sequence[Example]) -> Tensor:
    return torch.tensor([float(row.target or 0.0) for row in rows])
