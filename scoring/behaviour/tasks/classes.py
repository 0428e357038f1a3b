"""One of several: an attribute of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from scoring.behaviour.columns import word
from scoring.behaviour.recipe import ClassesSettings
from scoring.behaviour.tasks.contract import NAN, BehaviourTask, Label, Logits, observed
from scoring.errors import RowsError
from scoring.measures import calibration_gap


class Classes(BehaviourTask):
    """Labels are words; answers `label`, `confidence`. An unknown label does not count."""

    def __init__(self, name: str, settings: ClassesSettings) -> None:
        self.name = name
        self.labels: list[str] = []
        self._column = settings.column or name

    @property
    def outputs(self) -> dict[str, int]:  # type: ignore[override]  # known when the labels are
        """One logit a label."""
        return {self.name: len(self.labels)}

    def label(self, row: Mapping[str, object]) -> Label:
        """A word, None for an empty one."""
        return (word(row, self._column) or None,)

    def learn_facts(self, labels: NDArray[Any]) -> None:
        """The labels, in the order of the alphabet.

        Raises:
            RowsError: There are not two.
        """
        self.labels = sorted({label for label in labels[:, 0] if label is not None})
        if len(self.labels) < 2:
            raise RowsError(f"task {self.name} has the labels {self.labels}: two at least")

    def facts(self) -> dict[str, Any]:
        """The labels."""
        return {"labels": self.labels}

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """The labels."""
        self.labels = list(facts["labels"])

    def targets(self, labels: NDArray[Any]) -> Tensor:
        """(n, 1) places of the labels; NaN for an empty or an unknown one."""
        places = {label: float(place) for place, label in enumerate(self.labels)}
        found = np.array([places.get(label, NAN) for label in labels[:, 0]], np.float32)
        return torch.from_numpy(found)[:, None]

    def rates(self, targets: Mapping[str, Tensor]) -> dict[str, float]:
        """None: a softmax finds its biases at once."""
        return {}

    def row_losses(self, logits: Logits, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        seen = self.seen(targets)
        wanted = torch.where(seen, targets[:, 0], 0.0).long()
        return observed(cross_entropy(self._logits(logits), wanted, reduction="none"), seen)

    def chances(self, logits: Logits) -> Tensor:
        """(n, C)."""
        return self._logits(logits).softmax(dim=1)

    def measures(self, logits: Logits, targets: Tensor) -> dict[str, float]:
        """Accuracy, log loss, and how honest confidence is."""
        seen = self.seen(targets)
        confidence, place = self.chances(logits)[seen].max(dim=1)
        right = (place == targets[seen, 0]).float()
        return {
            "accuracy": float(right.mean()),
            "log_loss": float(self.loss(logits, targets)),
            "calibration_error": calibration_gap(confidence.numpy(), right.numpy()),
        }

    def answers(self, logits: Logits) -> list[dict[str, Any]]:
        """The most probable label and its probability."""
        confidence, place = self.chances(logits).max(dim=1)
        return [
            {"label": self.labels[p], "confidence": round(c, 4)}
            for p, c in zip(place.tolist(), confidence.tolist(), strict=True)
        ]

    def _logits(self, logits: Logits) -> Tensor:
        """(n, C)."""
        return logits[self.name]
