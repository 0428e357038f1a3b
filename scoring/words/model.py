"""Tasks that are answered by words and letters, each by a linear head of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from scoring.errors import RowsError
from scoring.module_names import must_be_free
from scoring.tasks.classification import Classification
from scoring.tasks.contract import Example, Task, Vectors
from scoring.words.heads import WordClasses, WordYesNo
from scoring.words.logits import WordLogits
from scoring.words.settings import WordsSettings


class WordsModel(nn.Module):
    """What a `TextModel` is, without a language model.

    It knows names and numbers that an encoder cuts to pieces, and errs elsewhere than one does:
    `scoring.fusion` makes one of both.

    Args:
        settings: How words are counted, and how closely they are fitted.
        tasks: By name, with what they learned of their rows; of type classification or binary.

    Attributes:
        tasks: By name.
        heads: By the same names; all that is learned is in them.
    """

    def __init__(self, settings: WordsSettings, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        must_be_free("tasks", tasks)
        self._strength = settings.strength
        self.tasks = dict(tasks)
        self.heads = nn.ModuleDict(
            {
                name: WordClasses(settings.columns, len(task.labels))
                if isinstance(task, Classification)
                else WordYesNo(settings.columns)
                for name, task in tasks.items()
            }
        )

    def learn(self, name: str, rows: Sequence[Example], held_out: Sequence[Example]) -> None:
        """Fit a task's head to rows, and calibrate it on others.

        Raises:
            RowsError: They have one label only, or there are no others.
        """
        if len({row.target for row in rows}) < 2:
            raise RowsError(f"the {len(rows)} rows of {name} have one label: words tell two apart")
        if not held_out:
            raise RowsError(
                f"task {name} has no validation rows, and [words] is calibrated on them: give it "
                "`validation`, a share or files"
            )
        self._words(name).learn(_texts(rows), [row.target for row in rows], self._strength)
        asked = (self.vectors(name, held_out), held_out)
        self.tasks[name].calibrate(self.heads[name], None, asked, None)

    def width(self, name: str) -> int:
        """Of the vectors of a task."""
        return len(self._words(name).bias)

    def vectors(self, name: str, rows: Sequence[Example]) -> Vectors:
        """Rows (n) of a task -> (n, C) logits."""
        return (self._words(name)(_texts(rows)),)

    def measures(self, name: str, rows: Sequence[Example]) -> dict[str, float]:
        """How good the answers of a task are."""
        with torch.no_grad():
            return self.tasks[name].measures(self.heads[name], self.vectors(name, rows), rows)

    def answers(self, name: str, rows: Sequence[Example]) -> list[dict[str, Any]]:
        """One object a row: the task's documented columns."""
        return self.tasks[name].answers(self.heads[name], self.vectors(name, rows))

    def _words(self, name: str) -> WordLogits:
        return cast(WordLogits, self.heads[name].words)


def _texts(rows: Sequence[Example]) -> list[str]:
    return [row.texts[0] for row in rows]
