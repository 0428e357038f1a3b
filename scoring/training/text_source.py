"""Tasks of a text recipe, trained together or without each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import torch

from scoring.errors import RowsError
from scoring.language.model import LanguageModel
from scoring.language.text_model import TextModel
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Example
from scoring.training.loop import fit
from scoring.training.recipe import Balancing, BinarySettings, ClassificationSettings, Recipe
from scoring.training.rows import Reading
from scoring.training.run import recipe_balancer
from scoring.training.split import place_of
from scoring.training.task_rows import TaskRows, fingerprint, read_task_rows
from scoring.training.task_source import Joint, Stop
from scoring.training.text import TextTraining


class TextTasks:
    """A `TaskSource`; augmentation is left out.

    Folds are drawn by a hash of the first text, across tasks: what is held out of one is held out
    of all.
    """

    def __init__(self, recipe: Recipe, folder: Path, reading: Reading) -> None:
        self._recipe = msgspec.structs.replace(recipe, augmentation=None)
        self._rows = {
            name: read_task_rows(name, make_task(settings), settings, recipe, folder, reading)
            for name, settings in recipe.tasks.items()
        }

    @property
    def tasks(self) -> tuple[str, ...]:
        """In the recipe's order."""
        return tuple(self._recipe.tasks)

    @property
    def identity(self) -> str:
        """Of recipe and rows."""
        digest = hashlib.blake2b(msgspec.json.encode(self._recipe), digest_size=8)
        for each in self._rows.values():
            digest.update(fingerprint([*each.train, *each.validation]).encode())
        return digest.hexdigest()

    def joint(self) -> Joint:
        """All tasks on all training rows."""
        training = _training(self._recipe, self._rows)
        return Joint(training, self._recipe.training, recipe_balancer(self._recipe))

    def fold_loss(self, tasks: tuple[str, ...], fold: int, n_folds: int, stop: Stop) -> float:
        """Train without the texts of a fold, calibrate, ask about them."""
        recipe, target = self._of(tasks), tasks[0]
        rows, held_out = {}, list[Example]()
        for name in recipe.tasks:
            whole = self._rows[name]
            taken = [self._fold(row, n_folds) == fold for row in whole.train]
            kept = [row for row, out in zip(whole.train, taken, strict=True) if not out]
            asked = [row for row, out in zip(whole.train, taken, strict=True) if out]
            validation = whole.validation
            if isinstance(recipe.tasks[name], ClassificationSettings):
                learned = {row.target for row in kept}  # a rare label may be wholly in the fold
                validation = tuple(row for row in validation if row.target in learned)
                asked = [row for row in asked if row.target in learned]  # of others is no loss
            rows[name] = TaskRows(tuple(kept), validation, ())
            if name == target:
                held_out = asked
        if not held_out or min(len(each.train) for each in rows.values()) < 2:
            raise RowsError(
                f"fold {fold + 1} of {n_folds} leaves too few rows of {', '.join(tasks)}: "
                "take fewer --folds"
            )
        training = _training(recipe, rows)
        fit(training, recipe.training, recipe_balancer(recipe), stop=stop)
        training.calibrate()
        model = training.module
        with torch.no_grad():
            losses = model.tasks[target].row_losses(
                model.heads[target], model.vectors(target, held_out), held_out
            )
        return float(losses.mean())

    def _of(self, names: tuple[str, ...]) -> Recipe:
        """The recipe of these tasks; what is best is never decided by a task that is not there."""
        recipe, training = self._recipe, self._recipe.training
        if training.measure is not None and training.measure.split(".")[0] != names[0]:
            training = msgspec.structs.replace(training, measure=None, patience=0)
        settings = {name: each for name, each in recipe.tasks.items() if name in names}
        recipe = msgspec.structs.replace(recipe, tasks=settings, training=training)
        kinds = (ClassificationSettings, BinarySettings)
        if sum(isinstance(each, kinds) for each in settings.values()) < 2:
            recipe = msgspec.structs.replace(recipe, sharing=None)  # nobody to share experts with
        if len(settings) > 1:
            return recipe
        return msgspec.structs.replace(recipe, balancing=Balancing())

    def _fold(self, row: Example, n_folds: int) -> int:
        return int(place_of(row.texts[0], "fold", self._recipe.split_seed) * n_folds)


def _training(recipe: Recipe, rows: dict[str, TaskRows]) -> TextTraining:
    """A new model of these tasks, before its first step."""
    torch.manual_seed(recipe.training.seed)
    tasks = {name: make_task(settings) for name, settings in recipe.tasks.items()}
    for name, task in tasks.items():
        task.learn_facts(rows[name].train)
    model = TextModel(LanguageModel(recipe.backbone), tasks, recipe.sharing)
    training = TextTraining(model, rows, recipe)
    training.begin()
    return training
