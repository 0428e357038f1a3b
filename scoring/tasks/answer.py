"""Question -> answer: whoever asks finds what was answered before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from scoring.losses.contrastive import contrastive, leading_parts
from scoring.measures import reciprocal_ranks
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
        """In-batch contrast at every width; what is as right as the own answer is no negative."""
        same = torch.tensor(_right(rows), device=vectors[0].device)
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
        """Mean reciprocal rank of the right answer among the wrong ones of these rows."""
        found = {}
        whole = vectors[0].shape[1]
        parts = zip(*(leading_parts(side, self._settings.widths) for side in vectors), strict=True)
        for question, answer in parts:
            width = question.shape[1]
            ranks = _reciprocal_ranks(question, answer, rows)
            found["mrr" if width == whole else f"mrr_{width}"] = float(ranks.mean())
        return found

    def row_losses(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """One less the reciprocal rank of the right answer."""
        return torch.from_numpy(1 - _reciprocal_ranks(vectors[0], vectors[1], rows))

    def answers(self, head: nn.Module, vectors: Vectors) -> list[dict[str, Any]]:
        """The cosine."""
        return [
            {"score": round(score, 4)}
            for score in cosine_similarity(vectors[0], vectors[1]).tolist()
        ]


def _reciprocal_ranks(
    question: Tensor, answer: Tensor, rows: Sequence[Example]
) -> NDArray[np.float64]:
    """(n, d) and (n, d) -> (n,) 1 / rank of each row's answer among the distinct wrong ones."""
    scores = (normalize(question, dim=1) @ normalize(answer, dim=1).T).numpy()  # (n, n)
    found = _numbered([row.texts[1] for row in rows])
    is_repeated = np.tril(found[:, None] == found, -1).any(axis=1)
    others = ~np.eye(len(rows), dtype=np.bool_)
    scores[(_right(rows) | is_repeated) & others] = -np.inf
    return reciprocal_ranks(scores)


def _right(rows: Sequence[Example]) -> NDArray[np.bool_]:
    """(n, n) whether answer j is right for question i: one of these rows says so."""
    asked, found = (_numbered(side) for side in zip(*(row.texts for row in rows), strict=True))
    said = np.zeros((asked.max() + 1, found.max() + 1), np.bool_)
    said[asked, found] = True
    right: NDArray[np.bool_] = said[asked][:, found]
    return right


def _numbered(texts: Sequence[str]) -> NDArray[np.int64]:
    """(n,) equal numbers of equal texts, from 0."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return np.array([places[text] for text in texts])
