"""A recipe with `[words]` -> a saved model: read, fit, test, save."""

from __future__ import annotations

import time
from pathlib import Path

from scoring.errors import RecipeError
from scoring.saved.folder import SavedModel, write_model
from scoring.saved.whole_folder import must_be_new
from scoring.tasks.choice import make_task
from scoring.training.recipe import Recipe
from scoring.training.rows import Reading
from scoring.training.task_rows import read_task_rows
from scoring.training.text import tested
from scoring.words.model import WordsModel


def learn(recipe: Recipe, folder: Path, out: Path, reading: Reading) -> SavedModel:
    """Fit a model of words and letters, measure it and save it.

    Args:
        recipe: With `words`.
        folder: Of its files.
        out: Where nothing is yet.
        reading: Notes bad rows.

    Raises:
        RecipeError: It has no `words`.
        ModelError: There is something at `out`.
        RowsError: Rows cannot be used.
    """
    if recipe.words is None:
        raise RecipeError(f"recipe {recipe.name} has no [words]: it trains an encoder")
    must_be_new(out)
    begun_s = time.monotonic()
    tasks = {name: make_task(settings) for name, settings in recipe.tasks.items()}
    rows = {
        name: read_task_rows(name, task, recipe.tasks[name], recipe, folder, reading)
        for name, task in tasks.items()
    }
    for name, task in tasks.items():
        task.learn_facts(rows[name].train)
    model = WordsModel(recipe.words, tasks)
    for name, each in rows.items():
        model.learn(name, each.train, each.validation)
    notes = {"seconds": round(time.monotonic() - begun_s)} | {
        f"rows of {name}": f"{len(each.train)} learned, {len(each.validation)} validated, "
        f"{len(each.test)} tested"
        for name, each in rows.items()
    }
    metrics = tested(model, rows)
    return write_model(out, model, recipe, ancestor=None, metrics=metrics, notes=notes)
