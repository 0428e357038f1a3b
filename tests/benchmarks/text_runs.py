"""Trainings of text recipes, as tables compare them."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from scoring.augmentation.changes import make_changes
from scoring.language.model import LanguageModel
from scoring.language.text_model import TextModel
from scoring.tasks.choice import make_task
from scoring.training.loop import fit
from scoring.training.recipe import Recipe
from scoring.training.rows import Reading
from scoring.training.run import recipe_balancer
from scoring.training.task_rows import read_task_rows
from scoring.training.text import TextTraining
from tests.benchmarks.kept_runs import KeptRuns

RECIPES = Path("scoring/recipes")
Plain = dict[str, Any]
"""A recipe as TOML means it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one training.

    Attributes:
        measures: Task -> measure -> value, on the test rows.
        validated: `task.measure` -> value, on the validation rows of the best epoch.
        losses: Task -> loss of each test row, to four digits.
        epochs: That were run.
        cpu_s: Processor seconds of training, without reading and testing.
    """

    measures: dict[str, dict[str, float]]
    validated: dict[str, float]
    losses: dict[str, list[float]]
    epochs: int
    cpu_s: float


class Runs:
    """Runs by recipe and seed."""

    def __init__(self, data: Path, path: Path | None, minutes: float) -> None:
        self._data = data
        self._kept = KeptRuns(Outcome, path, minutes)

    def of(self, recipe: Plain, seed: int) -> Outcome:
        """From the file, or trained now."""
        return self._kept.of(recipe, seed, lambda: train(as_recipe(recipe, seed), self._data))


def train(recipe: Recipe, data: Path) -> Outcome:
    """One run from rows to test, as `rillstream train` does it, without writing a model."""
    torch.manual_seed(recipe.training.seed)
    tasks = {name: make_task(settings) for name, settings in recipe.tasks.items()}
    rows = {
        name: read_task_rows(name, task, recipe.tasks[name], recipe, data, Reading(skip_bad=True))
        for name, task in tasks.items()
    }
    for name, task in tasks.items():
        task.learn_facts(rows[name].train)
    model = TextModel(LanguageModel(recipe.backbone), tasks, recipe.sharing)
    changes = None
    if recipe.augmentation is not None:
        texts = {
            name: [text for row in each.train for text in row.texts] for name, each in rows.items()
        }
        changes = make_changes(
            recipe.augmentation,
            texts,
            model.language,
            seed=recipe.training.seed,
            folder=data,
            state=data,  # nothing is kept where nothing is translated
        )
    training = TextTraining(model, rows, recipe, changes)
    begun_s = time.process_time()
    training.begin()
    fitted = fit(training, recipe.training, recipe_balancer(recipe))
    cpu_s = time.process_time() - begun_s
    training.calibrate()
    measures, losses = {}, {}
    for name, task in tasks.items():
        head, test = training.module.heads[name], rows[name].test
        vectors = training.module.vectors(name, test)
        measures[name] = task.measures(head, vectors, test)
        with torch.no_grad():
            own = task.row_losses(head, vectors, test).tolist()
        losses[name] = [round(loss, 4) for loss in own]
    epochs = len(fitted.history)
    return Outcome(measures, dict(fitted.measures), losses, epochs, round(cpu_s, 1))


def as_recipe(plain: Plain, seed: int) -> Recipe:
    """The recipe of one seed."""
    return msgspec.convert(changed(plain, {"training": {"seed": seed}}), Recipe)


def read_plain(name: str) -> Plain:
    """A recipe of this repository as it is written."""
    return tomllib.loads((RECIPES / f"{name}.toml").read_text("utf-8"))


def changed(recipe: Plain, change: Mapping[str, Any]) -> Plain:
    """A recipe with other values; tables are merged, None takes a key out."""
    found = dict(recipe)
    for name, value in change.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(found.get(name), dict):
            found[name] = changed(found[name], value)
        else:
            found[name] = value
    return found
