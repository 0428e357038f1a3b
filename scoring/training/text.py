"""Text tasks as something the loop can train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from scoring.augmentation.changes import Changes
from scoring.errors import RecipeError
from scoring.language.text_model import TextModel
from scoring.tasks.contract import Answering, Example
from scoring.training.adversarial import adversarial_losses
from scoring.training.processes import ALONE, Processes
from scoring.training.recipe import Recipe
from scoring.training.sampling import EndlessOrder, rows_by_task
from scoring.training.task_rows import TaskRows
from scoring.training.worn import WORN, without_words

Rows = Mapping[str, Sequence[Example]]
_ENOUGH: Final = 5_000


class TextTraining:
    """A `Trainable` over all tasks of a recipe: each step has rows of every task.

    Args:
        model: Before it has learned.
        rows: By task.
        recipe: How.
        changes: Of the rows that are learned from; None = none.
        processes: That train together; each has an equal part of every task's rows of a step.

    Raises:
        RecipeError: A batch cannot be divided so, or the recipe has no language model.

    Attributes:
        module: Language model and heads.
        n_batches: So many that an epoch shows as many rows as there are.
    """

    def __init__(
        self,
        model: TextModel,
        rows: Mapping[str, TaskRows],
        recipe: Recipe,
        changes: Changes | None = None,
        processes: Processes = ALONE,
    ) -> None:
        if recipe.words is not None:
            raise RecipeError("[words] is fitted at once: train it alone, see scoring.words")
        self.module = model
        self._changes = changes
        self._rows = rows
        self._fgm = recipe.fgm
        self._rank, self._n_parts = processes.rank, processes.count
        sizes = {name: len(each.train) for name, each in rows.items()}
        if recipe.batch_size % self._n_parts:
            raise RecipeError(
                f"batch_size {recipe.batch_size} is that of all {self._n_parts} processes together "
                "and cannot be divided among them: choose a multiple"
            )
        together = min(recipe.batch_size, sum(sizes.values()))
        self._counts = rows_by_task(sizes, together // self._n_parts, recipe.temperature)
        self.n_batches = -(-sum(sizes.values()) // recipe.batch_size)
        self._orders = {
            name: EndlessOrder(size, recipe.training.seed, place)
            for place, (name, size) in enumerate(sizes.items())
        }

    def shared(self) -> Sequence[nn.Parameter]:
        """The language model, as far as it learns."""
        return self.module.shared()

    def begin_epoch(self, epoch: int) -> None:
        """Thaw what this epoch thaws."""
        self.module.language.begin_epoch(epoch, self.module.heads)

    def batches(self, epoch: int) -> Iterator[Rows]:
        """Rows by task; small tasks come round more often than large ones."""
        for step in range(epoch * self.n_batches, (epoch + 1) * self.n_batches):
            # Part by part, all processes have the rows that one alone would have.
            part = step * self._n_parts + self._rank
            rows = {
                name: [self._rows[name].train[i] for i in self._orders[name].rows(part * n, n)]
                for name, n in self._counts.items()
            }
            if self._changes is not None:
                rows = {name: self._changes.rows(name, own, step) for name, own in rows.items()}
            yield rows

    def losses(self, batch: Rows) -> dict[str, Tensor]:
        """One loss a task; with FGM, mixed with that of moved word vectors."""
        if not self._fgm:
            return self.module.losses(batch)
        words = self.module.language.words
        return adversarial_losses(words, lambda: self.module.losses(batch), self._fgm)

    def validate(self) -> dict[str, float]:
        """Measures as ``task.measure``."""
        return {
            f"{name}.{measure}": value
            for name, rows in self._rows.items()
            if rows.validation
            for measure, value in self.module.measures(name, rows.validation).items()
        }

    def begin(self) -> None:
        """Give heads their start, from the vectors that the language model has already."""
        for name, task in self.module.tasks.items():
            if task.wants_start:
                train = _some(self._rows[name].train)
                task.begin(self.module.heads[name], self.module.vectors(name, train), train)

    def calibrate(self) -> None:
        """Fit what is fitted after training."""
        for name, task in self.module.tasks.items():
            train = _some(self._rows[name].train)
            learned = (self.module.vectors(name, train), train) if task.wants_learned else None
            validation = self._rows[name].validation
            held_out = (self.module.vectors(name, validation), validation) if validation else None
            worn = None
            if learned is not None and held_out is None:
                worn = self.module.vectors(name, [without_words(row, WORN) for row in train])
            with torch.no_grad():
                task.calibrate(self.module.heads[name], learned, held_out, worn)


def _some(rows: Sequence[Example]) -> Sequence[Example]:
    """Enough rows for means, from everywhere: files are often in the order of their labels.

    Of each label one at least: without a mean, all texts of a label would be abstained from.
    """
    some = rows[:: -(-len(rows) // _ENOUGH)]
    there = {row.target for row in some}
    missed = {row.target: row for row in rows if row.target not in there}
    return [*some, *missed.values()]


def tested(model: Answering, rows: Mapping[str, TaskRows]) -> dict[str, dict[str, float]]:
    """Measures by task on what was never looked at; tasks without test rows are left out."""
    found: dict[str, dict[str, float]] = {}
    for name, each in rows.items():
        if not each.test:
            continue
        found[name] = model.measures(name, each.test)
        if each.outside:
            learned = {row.target for row in each.train}
            known = [row for row in each.test if row.target in learned]
            both = model.measures(name, [*known, *each.outside])
            found[name] |= {
                measure.replace("unknown", "outside"): value
                for measure, value in both.items()
                if measure.startswith("auroc_unknown")
            }
    return found
