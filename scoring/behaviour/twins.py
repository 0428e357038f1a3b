"""Twins of behaviour tasks: the same model that learned one task alone, on the same test rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from torch import Tensor

from scoring.behaviour.recipe import BehaviourRecipe, RateSettings
from scoring.behaviour.rows import BehaviourRows, read_parts
from scoring.behaviour.saved import Behaviour, load_behaviour, read_behaviour
from scoring.behaviour.training import calibrated, examples
from scoring.errors import RecipeError
from scoring.training.recipe import Balancing
from scoring.training.rows import Reading
from scoring.training.twins import Comparison, Losses, over_seeds


def twin_recipes(recipe: BehaviourRecipe) -> dict[str, BehaviourRecipe]:
    """Task -> the same recipe for this task alone; a conversion keeps the click it is given."""
    return {name: alone(recipe, (name,)) for name in recipe.tasks}


def alone(recipe: BehaviourRecipe, names: tuple[str, ...]) -> BehaviourRecipe:
    """The same recipe for these tasks: as many passes over its rows, the same seeds.

    Rates of other tasks stay out.

    Raises:
        RecipeError: There are no other features.
    """
    training = recipe.training
    tasks = recipe.of_tasks(names)
    features = {
        name: feature
        for name, feature in recipe.features.items()
        if not isinstance(feature, RateSettings) or feature.of in tasks
    }
    if not features:
        raise RecipeError(f"{', '.join(names)} would have no feature but rates of other tasks")
    task = (training.measure or "").split(".")[0]
    return msgspec.structs.replace(
        recipe,
        name="-".join([recipe.name, *names]),
        features=features,
        tasks=tasks,
        balancing=recipe.balancing if len(names) > 1 else Balancing(),
        training=training
        if task in {*names, "loss", ""}
        else msgspec.structs.replace(training, measure="loss", lower_is_better=True),
    )


def compare(
    models: Sequence[Path], twin_of: Callable[[Path, str], Path], folder: Path
) -> Iterator[Comparison]:
    """Each task of a model with test rows, beside its twin.

    Args:
        models: Trained by one recipe on several tasks, each with a seed of its own.
        twin_of: Model, task -> the model of that task alone, with the same seed.
        folder: Of the recipe's files.
    """
    margin = read_behaviour(models[0]).recipe.twin_margin
    return over_seeds((_losses(model, twin_of, folder) for model in models), margin)


def _losses(model: Path, twin_of: Callable[[Path, str], Path], folder: Path) -> Losses:
    shared = load_behaviour(model)
    rows = read_parts(shared.saved.recipe, shared.tasks, folder, Reading(skip_bad=True)).test
    if not len(rows):
        return {}
    return {
        name: (ours, row_losses(load_behaviour(twin_of(model, name)), rows)[name])
        for name, ours in row_losses(shared, rows).items()
        if len(ours)
    }


def row_losses(behaviour: Behaviour, rows: BehaviourRows) -> dict[str, Tensor]:
    """Task -> (n,) losses of calibrated chances, of the rows that have its label."""
    tasks = behaviour.tasks
    test = examples(behaviour.saved.recipe, behaviour.saved.encoding, tasks, rows)
    logits = calibrated(behaviour.model, test.inputs)
    return {
        name: task.row_losses(logits, test.targets[name])[task.seen(test.targets[name])]
        for name, task in tasks.items()
    }
