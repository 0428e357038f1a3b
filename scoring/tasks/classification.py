"""One label of several, or none of them: intent, product category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from scoring.heads.classes import Classes
from scoring.heads.cosine_classes import CosineClasses, fit_temperature
from scoring.losses.contrastive import supervised_contrastive
from scoring.measures import auc
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.recipe import ClassificationSettings
from scoring.training.rows import Fields

_TAU = 0.1


class Classification(Task):
    """Rows `text`, `label`; answers `label`, `confidence`, `abstain`.

    Cross-entropy with label smoothing over cosine classes, perhaps with supervised contrast. It
    abstains from a text that is farther from every class mean than almost all texts of the known
    kind. Of four scores that are measured, this one tells other domains best, and the largest
    probability tells unlearned labels best (docs/benchmarks-encoder.md).
    """

    asked = ("text",)
    classifies = True
    wants_start = True
    wants_learned = True

    def __init__(self, settings: ClassificationSettings) -> None:
        self._settings = settings
        self.labels: list[str] = []

    def example(self, fields: Fields) -> Example:
        """Any text is a label, numbers too."""
        return Example((fields.text("text"),), fields.text("label"))

    def learn_facts(self, rows: Sequence[Example]) -> None:
        """The labels, in the order of the alphabet."""
        self.labels = sorted({str(row.target) for row in rows})

    def facts(self) -> dict[str, Any]:
        """The labels."""
        return {"labels": self.labels}

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """The labels."""
        self.labels = list(facts["labels"])

    def make_head(self, dim: int) -> CosineClasses:
        """One direction a label."""
        return CosineClasses(dim, len(self.labels))

    def begin(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> None:
        """Directions begin at class means."""
        _own(head).set_directions(vectors[0], self._targets(rows))

    def loss(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """``CE(smoothed) + contrast · SupCon``."""
        targets = self._targets(rows).to(vectors[0].device)
        smoothing = self._settings.label_smoothing
        loss = cross_entropy(head(vectors[0]), targets, label_smoothing=smoothing)
        if self._settings.contrast:
            contrast = supervised_contrastive(vectors[0], targets, _TAU)
            loss = loss + self._settings.contrast * contrast
        return loss

    def calibrate(
        self,
        head: nn.Module,
        learned: tuple[Vectors, Sequence[Example]] | None,
        held_out: tuple[Vectors, Sequence[Example]] | None,
        worn: Vectors | None,
    ) -> None:
        """Class means from learned rows; temperature and threshold from rows that are as if new.

        Those are validation rows. Without any, learned rows that have lost words stand in for them,
        each without its own part in its class mean: as they are, they lie so near to the means
        that a third of all new texts would be abstained from (docs/benchmarks-encoder.md).
        """
        own = _asked(head)
        if learned is not None:
            _own(head).calibrate(learned[0][0], self._targets(learned[1]))
        if held_out is not None:
            vectors, targets = held_out[0][0], self._targets(held_out[1])
            nearness = own.nearness(vectors)
        elif learned is not None and worn is not None:
            vectors, targets = worn[0], self._targets(learned[1])
            nearness = _own(head).nearness_left_out(vectors, learned[0][0], targets)
        else:
            return
        own.temperature.fill_(fit_temperature(own(vectors).detach(), targets))
        own.threshold.copy_(nearness.quantile(self._settings.abstain))

    def measures(
        self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]
    ) -> dict[str, float]:
        """Accuracy, mean recall of the labels, and how honest confidence is.

        Rows of labels that were not learned count for ``auroc_…`` only: can they be told? By what
        it abstains by (`Classes.nearness_is`), the largest probability, the margin and the energy.
        """
        own = _asked(head)
        labels = set(self.labels)
        known = torch.tensor([row.target in labels for row in rows])
        with torch.no_grad():
            logits = own(vectors[0])  # (n, C)
            scores = {
                "softmax": logits.softmax(dim=1).amax(dim=1),
                "margin": logits.topk(min(2, logits.shape[1]), dim=1).values.diff(dim=1).abs()[:, 0]
                if logits.shape[1] > 1
                else logits[:, 0],
                "energy": logits.logsumexp(dim=1),  # Liu et al., NeurIPS 2020
            }
            nearness = own.nearness(vectors[0])
        found: dict[str, float] = {}
        if known.any():
            targets = self._targets([row for row, k in zip(rows, known, strict=True) if k])
            right = (logits[known].argmax(dim=1) == targets).float()
            recalls = [right[targets == label].mean() for label in set(targets.tolist())]
            confidence = (logits[known] / own.temperature).softmax(dim=1).amax(dim=1)
            found["accuracy"] = float(right.mean())
            found["mean_recall"] = float(torch.stack(recalls).mean())
            found["calibration_error"] = calibration_error(confidence, right)
            kept = nearness[known] >= own.threshold
            found["abstained"] = float(1 - kept.float().mean())
        if known.any() and not known.all():
            for name, score in {own.nearness_is: nearness, **scores}.items():
                found[f"auroc_unknown_{name}"] = auc(score.numpy(), known.numpy())
        return found

    def row_losses(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Cross-entropy of calibrated probabilities; rows of unknown labels have none."""
        labels = set(self.labels)
        known = [place for place, row in enumerate(rows) if row.target in labels]
        logits = head(vectors[0][known]) / _asked(head).temperature
        targets = self._targets([rows[place] for place in known])
        return cross_entropy(logits, targets, reduction="none")

    def answers(self, head: nn.Module, vectors: Vectors) -> list[dict[str, Any]]:
        """The most probable label, its probability, and whether it is better not believed."""
        own = _asked(head)
        with torch.no_grad():
            confidence, place = (own(vectors[0]) / own.temperature).softmax(dim=1).max(dim=1)
            abstain = own.nearness(vectors[0]) < own.threshold
        return [
            {"label": self.labels[p], "confidence": round(c, 4), "abstain": a}
            for p, c, a in zip(place.tolist(), confidence.tolist(), abstain.tolist(), strict=True)
        ]

    def _targets(self, rows: Sequence[Example]) -> Tensor:
        places = {label: place for place, label in enumerate(self.labels)}
        return torch.tensor([places[str(row.target)] for row in rows], dtype=torch.int64)


def calibration_error(confidence: Tensor, right: Tensor, n_bins: int = 15) -> float:
    """Expected calibration error (Guo et al., ICML 2017, equation 3): (n,) and (n,) -> mean gap."""
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)
    gaps = [
        (confidence[bins == b].mean() - right[bins == b].mean()).abs() * (bins == b).sum()
        for b in set(bins.tolist())
    ]
    return float(torch.stack(gaps).sum() / len(confidence))


def _own(head: nn.Module) -> CosineClasses:
    if not isinstance(head, CosineClasses):
        raise TypeError(f"a classification has cosine classes, not {type(head).__name__}")
    return head


def _asked(head: nn.Module) -> Classes:
    if not isinstance(head, Classes):
        raise TypeError(f"a classification asks for classes, not {type(head).__name__}")
    return head
