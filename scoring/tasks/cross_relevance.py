"""How well an item answers a query, both read together: slower than a cosine, and better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from scoring.heads.pair_grade import PairGrade
from scoring.losses.soft_targets import soft_target_loss
from scoring.measures import mean_within, ranks, spearman
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.rows import Fields


class CrossRelevance(Task):
    """Rows `query`, `title`, `score` (a grade); answers `score`, the grade that it expects.

    A cross-encoder: nothing of it can be prepared in an index, so it is for the last candidates of
    a search (`scoring.reranker`). Grades are learned as what they are between the lowest and the
    highest of the training rows, so answers have the rows' scale.
    """

    asked = ("query", "title")
    together = True

    def __init__(self) -> None:
        self._lowest = 0.0
        self._highest = 1.0

    def example(self, fields: Fields) -> Example:
        """Query first: it decides the split, so that tested queries were never seen."""
        return Example((fields.text("query"), fields.text("title")), fields.number("score"))

    def learn_facts(self, rows: Sequence[Example]) -> None:
        """The scale of the grades."""
        grades = _grades(rows)
        self._lowest, self._highest = float(grades.min()), float(grades.max())

    def facts(self) -> dict[str, Any]:
        """The scale of the grades."""
        return {"lowest": self._lowest, "highest": self._highest}

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """The scale of the grades."""
        self._lowest, self._highest = float(facts["lowest"]), float(facts["highest"])

    def make_head(self, dim: int) -> PairGrade:
        """One logit a pair."""
        return PairGrade(dim)

    def loss(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Cross-entropy with the grade as a share of the scale."""
        return soft_target_loss(head(*vectors), self._shares(rows).to(vectors[0].device))

    def measures(
        self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]
    ) -> dict[str, float]:
        """Spearman's ρ of all pairs, and the mean of ρ within queries."""
        with torch.no_grad():
            logits, grades = head(*vectors).numpy(), _grades(rows).numpy()
        return {
            "spearman": spearman(logits, grades),
            "within_query": mean_within([row.texts[0] for row in rows], logits, grades),
        }

    def row_losses(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Distance of the two ranks of a pair, as a share of all pairs; as for the bi-encoder."""
        apart = ranks(head(*vectors).numpy()) - ranks(_grades(rows).numpy())
        return torch.from_numpy(abs(apart) / len(rows))

    def answers(self, head: nn.Module, vectors: Vectors) -> list[dict[str, Any]]:
        """The expected grade."""
        return [{"score": round(grade, 4)} for grade in self.grades(head, vectors).tolist()]

    def grades(self, head: nn.Module, vectors: Vectors) -> Tensor:
        """(n,) expected grades, on the scale of the training rows."""
        with torch.no_grad():
            shares: Tensor = head(*vectors).sigmoid()
        return self._lowest + shares * (self._highest - self._lowest)

    def _shares(self, rows: Sequence[Example]) -> Tensor:
        """(B,) in [0, 1]; what is beyond the scale of the training rows counts as its end."""
        width = (self._highest - self._lowest) or 1.0
        return ((_grades(rows) - self._lowest) / width).clamp(0.0, 1.0)


def _grades(rows: Sequence[Example]) -> Tensor:
    return torch.tensor([float(row.target or 0.0) for row in rows])
