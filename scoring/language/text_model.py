"""A language model that learns with the heads of its tasks, and perhaps experts between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from scoring.language.model import LanguageModel
from scoring.language.text_answers import TextAnswers, pairs_of
from scoring.tasks.contract import Example, Task, Vectors
from scoring.training.sharing import TextSharing


class TextModel(TextAnswers):
    """Hard sharing (Caruana 1997): what answers, and what all tasks teach together."""

    language: LanguageModel

    def __init__(
        self,
        language: LanguageModel,
        tasks: Mapping[str, Task],
        sharing: TextSharing | None = None,
    ) -> None:
        """See `TextAnswers`."""
        super().__init__(language, tasks, sharing)

    def losses(self, rows: Mapping[str, Sequence[Example]]) -> dict[str, Tensor]:
        """Rows by task -> one scalar a task."""
        return {
            name: self.tasks[name].loss(self.heads[name], self._forward(name, members), members)
            for name, members in rows.items()
        }

    def shared(self) -> list[nn.Parameter]:
        """What more than one task's loss reaches."""
        return [p for p in self.language.parameters() if p.requires_grad or self._thaws()]

    def _thaws(self) -> bool:
        return self.language.settings.adaptation == "gradual"

    def _forward(self, name: str, rows: Sequence[Example]) -> Vectors:
        """Rows (B) -> (B, d) for each of their texts; one pass through the layers."""
        if self.tasks[name].together:
            return tuple(self.language.pairs(pairs_of(rows)))
        n_sides = len(rows[0].texts)
        together: Tensor = self.language(
            [row.texts[side] for side in range(n_sides) for row in rows]
        )
        return self.of_task(name, tuple(together.chunk(n_sides)))
