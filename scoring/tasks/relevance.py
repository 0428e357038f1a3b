"""How well an item answers a query, by the cosine that the index searches with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from scoring.losses.contrastive import leading_parts
from scoring.losses.order import order_loss
from scoring.measures import mean_within, ranks, spearman
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.recipe import RelevanceSettings
from scoring.training.rows import Fields


class Relevance(Task):
    """Rows `query`, `title`, `score` (a grade, any scale); answers `score`, a cosine.

    It has no head: query tower and item tower are the language model itself, so that what is
    learned here is in the index.
    """

    asked = ("query", "title")

    def __init__(self, settings: RelevanceSettings) -> None:
        self._widths = settings.widths

    def example(self, fields: Fields) -> Example:
        """Query first: it decides the split, so that tested queries were never seen."""
        return Example((fields.text("query"), fields.text("title")), fields.number("score"))

    def make_head(self, dim: int) -> nn.Module:
        """Nothing to learn beside the vectors."""
        return nn.Identity()

    def loss(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Order of grades, at every width."""
        grades = _grades(rows).to(vectors[0].device)
        parts = zip(*(leading_parts(side, self._widths) for side in vectors), strict=True)
        losses = [order_loss(cosine_similarity(q, t), grades) for q, t in parts]
        return torch.stack(losses).mean()

    def measures(
        self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]
    ) -> dict[str, float]:
        """Spearman's ρ of all pairs, and the mean of ρ within queries; ρ at smaller widths."""
        grades = _grades(rows).numpy()
        cosines = cosine_similarity(vectors[0], vectors[1]).numpy()
        found = {
            "spearman": spearman(cosines, grades),
            "within_query": mean_within([row.texts[0] for row in rows], cosines, grades),
        }
        for query, title in zip(
            *(leading_parts(side, self._widths) for side in vectors), strict=True
        ):
            if query.shape[1] < vectors[0].shape[1]:
                part = cosine_similarity(query, title).numpy()
                found[f"spearman_{query.shape[1]}"] = spearman(part, grades)
        return found

    def row_losses(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Distance of the two ranks of a pair, as a share of all pairs."""
        cosines = cosine_similarity(vectors[0], vectors[1]).numpy()
        apart = ranks(cosines) - ranks(_grades(rows).numpy())
        return torch.from_numpy(abs(apart) / len(rows))

    def answers(self, head: nn.Module, vectors: Vectors) -> list[dict[str, Any]]:
        """The cosine."""
        return [
            {"score": round(score, 4)}
            for score in cosine_similarity(vectors[0], vectors[1]).tolist()
        ]


def _grades(rows: Sequence[Example]) -> Tensor:
    return torch.tensor([float(row.target or 0.0) for row in rows])
