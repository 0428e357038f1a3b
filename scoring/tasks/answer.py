"""Question -> answer: whoever asks finds what was answered before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from scoring.losses.contrastive import contrastive, leading_parts
from scoring.measures import reciprocal_rank
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.recipe import AnswerSettings
from scoring.training.rows import Fields


class Answer(Task):
    """Rows `question`, `answer`; answers `score`, the cosine of the two."""

    asked = ("question", "answer")

    def __init__(self, settings: AnswerSettings) -> None:
        self._settings = settings
        self._n_rows: Counter[str] = Counter()

    def learn_facts(self, rows: Sequence[Example]) -> None:
        """How many rows have each answer, for the loss alone."""
        self._n_rows = Counter(str(row.target) for row in rows)

    def example(self, fields: Fields) -> Example:
        """The target is the answer as it is: augmentation says both texts in other words."""
        pair = self.question(fields)
        return Example(pair.texts, target=pair.texts[1])

    def make_head(self, dim: int) -> nn.Module:
        """Nothing to learn beside the vectors."""
        return nn.Identity()

    def loss(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """In-batch contrast at every width; equal texts are no negatives of each other."""
        same = torch.tensor(
            [[a.texts[0] == b.texts[0] or a.texts[1] == b.texts[1] for b in rows] for a in rows],
            device=vectors[0].device,
        )
        parts = zip(*(leading_parts(side, self._settings.widths) for side in vectors), strict=True)
        temperature, log_q = self._settings.temperature, self._log_q(rows, vectors[0].device)
        losses = [contrastive(q, a, temperature, same, log_q) for q, a in parts]
        return torch.stack(losses).mean()

    def _log_q(self, rows: Sequence[Example], device: torch.device) -> Tensor | None:
        """(B,) how often each answer is drawn, up to a constant."""
        if not self._settings.log_q:
            return None
        counts = [float(self._n_rows[str(row.target)]) for row in rows]
        return torch.tensor(counts, device=device).log()

    def measures(
        self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]
    ) -> dict[str, float]:
        """Mean reciprocal rank of the right answer among all of these rows."""
        found = {}
        whole = vectors[0].shape[1]
        parts = zip(*(leading_parts(side, self._settings.widths) for side in vectors), strict=True)
        for question, answer in parts:
            scores = normalize(question, dim=1) @ normalize(answer, dim=1).T
            width = question.shape[1]
            found["mrr" if width == whole else f"mrr_{width}"] = reciprocal_rank(scores.numpy())
        return found

    def row_losses(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """One less the reciprocal rank of the right answer."""
        scores = normalize(vectors[0], dim=1) @ normalize(vectors[1], dim=1).T  # (n, n)
        ahead = (scores > scores.diagonal()[:, None]).sum(dim=1)
        return 1 - 1 / (1 + ahead)

    def answers(self, head: nn.Module, vectors: Vectors) -> list[dict[str, Any]]:
        """The cosine."""
        return [
            {"score": round(score, 4)}
            for score in cosine_similarity(vectors[0], vectors[1]).tolist()
        ]
