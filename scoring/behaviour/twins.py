"""Twins of behaviour tasks: the same model that learned one task alone, on the same test rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from scoring.behaviour.recipe import BehaviourRecipe
from scoring.behaviour.rows import read_parts
from scoring.behaviour.saved import Behaviour, load_behaviour
from scoring.behaviour.training import calibrated, examples
from scoring.training.recipe import Balancing
from scoring.training.rows import Reading
from scoring.training.twins import Comparison, upper_bound


def twin_recipes(recipe: BehaviourRecipe) -> dict[str, BehaviourRecipe]:
    """Task -> the same recipe for this task alone; a conversion keeps the click it is given."""
    return {name: alone(recipe, (name,)) for name in recipe.tasks}


def alone(recipe: BehaviourRecipe, names: tuple[str, ...]) -> BehaviourRecipe:
    """The same recipe for these tasks: as many passes over its rows, the same seeds."""
    training = recipe.training
    task = (training.measure or "").split(".")[0]
    return msgspec.structs.replace(
        recipe,
        name="-".join([recipe.name, *names]),
        tasks=recipe.of_tasks(names),
        balancing=recipe.balancing if len(names) > 1 else Balancing(),
        training=training
        if task in {*names, "loss", ""}
        else msgspec.structs.replace(training, measure="loss", lower_is_better=True),
    )


def compare(model: Path, twins: Callable[[str], Path], folder: Path) -> Iterator[Comparison]:
    """Each task of a model with test rows, beside its twin.

    Args:
        model: A trained model of several tasks.
        twins: Task -> the model of that task alone.
        folder: Of the recipe's files.
    """
    shared = load_behaviour(model)
    for name in shared.tasks:
        ours, theirs = (
            row_losses(one, name, folder) for one in (shared, load_behaviour(twins(name)))
        )
        if len(ours):
            yield Comparison(
                name,
                float(ours.mean()),
                float(theirs.mean()),
                upper_bound(ours - theirs),
                shared.saved.recipe.twin_margin,
            )


def row_losses(behaviour: Behaviour, task: str, folder: Path) -> Tensor:
    """(n,) losses of calibrated chances, of the test rows that have a label."""
    recipe, tasks = behaviour.saved.recipe, behaviour.tasks
    rows = read_parts(recipe, tasks, folder, Reading(skip_bad=True)).test
    if not len(rows):
        return torch.empty(0)
    test = examples(recipe, behaviour.saved.encoding, tasks, rows)
    logits = calibrated(behaviour.model, test.inputs)
    targets = test.targets[task]
    return tasks[task].row_losses(logits, targets)[tasks[task].seen(targets)]
