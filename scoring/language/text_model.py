"""A language model with the heads of its tasks, and perhaps experts between them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from scoring.language.model import LanguageModel
from scoring.language.task_vectors import TaskVectors
from scoring.module_names import must_be_free
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.sharing import TextSharing

_EXPERTS: Final = "experts of all"


class TextModel(nn.Module):
    """Hard sharing (Caruana 1997): one language model, one head a task on the vector of a text.

    With experts (MMoE, PLE), each task that classifies has a vector of its own from them; see
    `TaskVectors`.

    Args:
        language: Loaded.
        tasks: By name.
        sharing: Experts between the two; None = none.

    Raises:
        RecipeError: A task has a name that no module can have.

    Attributes:
        language: Shared by all tasks.
        tasks: By name.
        heads: Private parts, by the same names; experts are kept among them.
    """

    def __init__(
        self,
        language: LanguageModel,
        tasks: Mapping[str, Task],
        sharing: TextSharing | None = None,
    ) -> None:
        super().__init__()
        must_be_free("tasks", tasks)
        self.language = language
        self.tasks = dict(tasks)
        self.heads = nn.ModuleDict(
            {name: task.make_head(language.dim) for name, task in tasks.items()}
        )
        if sharing is not None:
            self.heads[_EXPERTS] = TaskVectors(language.dim, tasks, sharing)

    def width(self, name: str) -> int:
        """Of the vectors of a task."""
        return self.language.dim

    def losses(self, rows: Mapping[str, Sequence[Example]]) -> dict[str, Tensor]:
        """Rows by task -> one scalar a task."""
        return {
            name: self.tasks[name].loss(self.heads[name], self._forward(name, members), members)
            for name, members in rows.items()
        }

    def vectors(self, name: str, rows: Sequence[Example]) -> Vectors:
        """Rows (n) of a task -> (n, d) for each of their texts, without gradients."""
        if self.tasks[name].together:
            pairs = {pair: place for place, pair in enumerate(dict.fromkeys(_pairs(rows)))}
            read = self.language.pair_vectors(list(pairs))  # (2, n, d)
            return tuple(read[:, torch.tensor([pairs[pair] for pair in _pairs(rows)])])
        distinct = {text: place for place, text in enumerate(dict.fromkeys(_texts(rows)))}
        found = self.language.vectors(list(distinct))
        sides = zip(*(row.texts for row in rows), strict=True)
        with torch.no_grad():
            return self._own(
                name,
                tuple(found[torch.tensor([distinct[text] for text in side])] for side in sides),
            )

    def measures(self, name: str, rows: Sequence[Example]) -> dict[str, float]:
        """How good the answers of a task are."""
        head = copy.deepcopy(self.heads[name]).cpu()  # where vectors are; in training it is not
        with torch.no_grad():
            return self.tasks[name].measures(head, self.vectors(name, rows), rows)

    def answers(self, name: str, rows: Sequence[Example]) -> list[dict[str, Any]]:
        """One object a row: the task's documented columns."""
        return self.tasks[name].answers(self.heads[name], self.vectors(name, rows))

    def shared(self) -> list[nn.Parameter]:
        """What more than one task's loss reaches."""
        return [p for p in self.language.parameters() if p.requires_grad or self._thaws()]

    def _thaws(self) -> bool:
        return self.language.settings.adaptation == "gradual"

    def _forward(self, name: str, rows: Sequence[Example]) -> Vectors:
        """Rows (B) -> (B, d) for each of their texts; one pass through the layers."""
        if self.tasks[name].together:
            return tuple(self.language.pairs(_pairs(rows)))
        n_sides = len(rows[0].texts)
        together: Tensor = self.language(
            [row.texts[side] for side in range(n_sides) for row in rows]
        )
        return self._own(name, tuple(together.chunk(n_sides)))

    def _own(self, name: str, vectors: Vectors) -> Vectors:
        """What a task reads: the vectors of the language model, or what experts make of them."""
        if _EXPERTS not in self.heads:
            return vectors
        experts = self.heads[_EXPERTS]
        place = next(experts.parameters()).device
        return tuple(experts(side.to(place), name).to(side.device) for side in vectors)


def _texts(rows: Sequence[Example]) -> list[str]:
    return [text for row in rows for text in row.texts]


def _pairs(rows: Sequence[Example]) -> list[tuple[str, str]]:
    return [(row.texts[0], row.texts[1]) for row in rows]
