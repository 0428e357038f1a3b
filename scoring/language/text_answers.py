"""What answers: vectors of texts, and the heads of tasks on them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from scoring.language.task_vectors import TaskVectors
from scoring.module_names import must_be_free
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.sharing import TextSharing

_EXPERTS: Final = "experts of all"


class Reads(Protocol):
    """An encoder, learning or not."""

    @property
    def dim(self) -> int:
        """Width of a vector."""

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Texts (n) -> (n, d), without gradients."""

    def pair_vectors(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """Pairs (n) -> (2, n, d), each text read with the other one in sight; likewise."""


class TextAnswers(nn.Module):
    """One encoder, one head a task on the vector of a text.

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
        self, language: Reads, tasks: Mapping[str, Task], sharing: TextSharing | None = None
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

    def vectors(self, name: str, rows: Sequence[Example]) -> Vectors:
        """Rows (n) of a task -> (n, d) for each of their texts, without gradients."""
        if self.tasks[name].together:
            asked = pairs_of(rows)
            pairs = {pair: place for place, pair in enumerate(dict.fromkeys(asked))}
            read = self.language.pair_vectors(list(pairs))  # (2, n, d)
            return tuple(read[:, torch.tensor([pairs[pair] for pair in asked])])
        distinct = {text: place for place, text in enumerate(dict.fromkeys(_texts(rows)))}
        found = self.language.vectors(list(distinct))
        sides = zip(*(row.texts for row in rows), strict=True)
        with torch.no_grad():
            return self.of_task(
                name,
                tuple(found[torch.tensor([distinct[text] for text in side])] for side in sides),
            )

    def of_task(self, name: str, vectors: Vectors) -> Vectors:
        """What a task reads: the vectors of the encoder, or what experts make of them."""
        if _EXPERTS not in self.heads:
            return vectors
        experts = self.heads[_EXPERTS]
        place = next(experts.parameters()).device
        return tuple(experts(side.to(place), name).to(side.device) for side in vectors)

    def measures(self, name: str, rows: Sequence[Example]) -> dict[str, float]:
        """How good the answers of a task are."""
        head = copy.deepcopy(self.heads[name]).cpu()  # where vectors are; in training it is not
        with torch.no_grad():
            return self.tasks[name].measures(head, self.vectors(name, rows), rows)

    def answers(self, name: str, rows: Sequence[Example]) -> list[dict[str, Any]]:
        """One object a row: the task's documented columns."""
        return self.tasks[name].answers(self.heads[name], self.vectors(name, rows))


def pairs_of(rows: Sequence[Example]) -> list[tuple[str, str]]:
    """The two texts of each row."""
    return [(row.texts[0], row.texts[1]) for row in rows]


def _texts(rows: Sequence[Example]) -> list[str]:
    return [text for row in rows for text in row.texts]
