"""A language model with the heads of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.language.model import LanguageModel
from scoring.tasks.contract import Example, Task, Vectors


class TextModel(nn.Module):
    """Hard sharing (Caruana 1997): one language model, one head a task on the vector of a text.

    Attributes:
        language: Shared by all tasks.
        tasks: By name.
        heads: Private parts, by the same names.
    """

    def __init__(self, language: LanguageModel, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.language = language
        self.tasks = dict(tasks)
        self.heads = nn.ModuleDict(
            {name: task.make_head(language.dim) for name, task in tasks.items()}
        )

    def losses(self, rows: Mapping[str, Sequence[Example]]) -> dict[str, Tensor]:
        """Rows by task -> one scalar a task."""
        return {
            name: self.tasks[name].loss(self.heads[name], self._forward(members), members)
            for name, members in rows.items()
        }

    def vectors(self, rows: Sequence[Example]) -> Vectors:
        """Rows (n) -> (n, d) for each of their texts, without gradients."""
        distinct = {text: place for place, text in enumerate(dict.fromkeys(_texts(rows)))}
        found = self.language.vectors(list(distinct))
        sides = zip(*(row.texts for row in rows), strict=True)
        return tuple(found[torch.tensor([distinct[text] for text in side])] for side in sides)

    def measures(self, name: str, rows: Sequence[Example]) -> dict[str, float]:
        """How good the answers of a task are."""
        with torch.no_grad():
            return self.tasks[name].measures(self.heads[name], self.vectors(rows), rows)

    def shared(self) -> list[nn.Parameter]:
        """What more than one task's loss reaches."""
        return [p for p in self.language.parameters() if p.requires_grad or self._thaws()]

    def _thaws(self) -> bool:
        return self.language.settings.adaptation == "gradual"

    def _forward(self, rows: Sequence[Example]) -> Vectors:
        """Rows (B) -> (B, d) for each of their texts; one pass through the layers."""
        n_sides = len(rows[0].texts)
        together: Tensor = self.language(
            [row.texts[side] for side in range(n_sides) for row in rows]
        )
        return tuple(together.chunk(n_sides))


def _texts(rows: Sequence[Example]) -> list[str]:
    return [text for row in rows for text in row.texts]
