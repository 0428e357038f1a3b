"""Twins: does a head lose by sharing? Each is compared with a model that learned it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import torch
from torch import Tensor

from scoring.augmentation.settings import Augmentation
from scoring.saved.folder import load_model
from scoring.training.recipe import Balancing, Recipe
from scoring.training.rows import Reading
from scoring.training.task_rows import read_task_rows

_ONE_SIDED_95: Final = 1.645


@dataclass(frozen=True, slots=True)
class Comparison:
    """A head beside its twin, on the same test rows.

    Attributes:
        task: Its name.
        loss: Mean of the rows' losses, trained with other tasks.
        twin_loss: The same, trained alone.
        upper: Of ``loss - twin_loss``: with 95 % confidence it is not more, for rows like these.
        margin: What was allowed beforehand.
    """

    task: str
    loss: float
    twin_loss: float
    upper: float
    margin: float

    @property
    def passed(self) -> bool:
        """Whether the head loses less than the margin by sharing, surely."""
        return self.upper <= self.margin


def twin_recipes(recipe: Recipe) -> dict[str, Recipe]:
    """Task -> the same recipe for this task alone: as many passes over its rows, the same seeds."""
    training = recipe.training
    return {
        name: msgspec.structs.replace(
            recipe,
            name=f"{recipe.name}-{name}",
            tasks={name: settings},
            balancing=Balancing(),
            sharing=None,
            augmentation=_of_one(recipe.augmentation, name),
            training=training
            if (training.measure or "").startswith(f"{name}.")
            else msgspec.structs.replace(training, measure=None),
        )
        for name, settings in recipe.tasks.items()
    }


def _of_one(augmentation: Augmentation | None, task: str) -> Augmentation | None:
    """What becomes of the texts of this task, alone."""
    if augmentation is None or not augmentation.tasks:
        return augmentation
    if task not in augmentation.tasks:
        return None
    return msgspec.structs.replace(augmentation, tasks=[task])


def compare(model: Path, twins: Callable[[str], Path], folder: Path) -> Iterator[Comparison]:
    """Each task of a model with test rows, beside its twin.

    Args:
        model: A trained model of several tasks.
        twins: Task -> the model of that task alone.
        folder: Of the recipe's files.
    """
    saved, shared = load_model(model)
    for name, settings in saved.recipe.tasks.items():
        task = shared.tasks[name]
        reading = Reading(skip_bad=True)
        rows = read_task_rows(name, task, settings, saved.recipe, folder, reading).test
        if not rows:
            continue
        losses = []
        for one in (shared, load_model(twins(name))[1]):
            with torch.no_grad():
                losses.append(
                    one.tasks[name].row_losses(one.heads[name], one.vectors(name, rows), rows)
                )
        ours, theirs = losses
        if len(ours):
            yield Comparison(
                name,
                float(ours.mean()),
                float(theirs.mean()),
                upper_bound(ours - theirs),
                saved.recipe.twin_margin,
            )


def upper_bound(differences: Tensor) -> float:
    """(n,) paired differences -> one-sided 95 % bound of their mean, by the normal distribution."""
    if len(differences) < 2:
        return float("inf")
    error = differences.std() / len(differences) ** 0.5
    return float(differences.mean() + _ONE_SIDED_95 * error)
