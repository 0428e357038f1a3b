"""Twins: does a head lose by sharing? Each is compared with a model that learned it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec
import torch
from torch import Tensor

from scoring.augmentation.settings import Augmentation
from scoring.language.text_model import TextModel
from scoring.saved.folder import load_model, read_saved
from scoring.tasks.contract import Example
from scoring.training.recipe import Balancing, Recipe
from scoring.training.rows import Reading
from scoring.training.task_rows import read_task_rows

Losses = Mapping[str, tuple[Tensor, Tensor]]
"""Task -> (n,) losses of its test rows, of the head and of its twin."""

_ONE_SIDED_95: Final = 1.645


@dataclass(frozen=True, slots=True)
class Comparison:
    """A head beside its twin, on the same test rows.

    Attributes:
        task: Its name.
        loss: Mean of the rows' losses, trained with other tasks; over seeds, where there are more.
        twin_loss: The same, trained alone.
        upper: Of ``loss - twin_loss``: with 95 % confidence it is not more, for rows like these.
        margin: What was allowed beforehand.
        seeds: So many trainings of both.
    """

    task: str
    loss: float
    twin_loss: float
    upper: float
    margin: float
    seeds: int

    @classmethod
    def of(cls, task: str, losses: Sequence[tuple[Tensor, Tensor]], margin: float) -> Self:
        """Of the (n,) losses of the same rows, of a head and of its twin, for each seed."""
        ours, theirs = (torch.stack(each).mean(dim=0) for each in zip(*losses, strict=True))
        upper = upper_bound(ours - theirs)
        return cls(task, float(ours.mean()), float(theirs.mean()), upper, margin, len(losses))

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


def compare(
    models: Sequence[Path], twin_of: Callable[[Path, str], Path], folder: Path
) -> Iterator[Comparison]:
    """Each task of a model with test rows, beside its twin.

    Args:
        models: Trained by one recipe on several tasks, each with a seed of its own.
        twin_of: Model, task -> the model of that task alone, with the same seed.
        folder: Of the recipe's files.
    """
    margin = read_saved(models[0]).recipe.twin_margin
    return over_seeds((_losses(model, twin_of, folder) for model in models), margin)


def over_seeds(losses: Iterable[Losses], margin: float) -> Iterator[Comparison]:
    """Each task, by its losses with each seed."""
    found: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for each in losses:
        for task, pair in each.items():
            found.setdefault(task, []).append(pair)
    for task, pairs in found.items():
        yield Comparison.of(task, pairs, margin)


def _losses(model: Path, twin_of: Callable[[Path, str], Path], folder: Path) -> Losses:
    saved, shared = load_model(model)
    found = {}
    for name, settings in saved.recipe.tasks.items():
        reading = Reading(skip_bad=True)
        rows = read_task_rows(name, shared.tasks[name], settings, saved.recipe, folder, reading)
        if not rows.test:
            continue
        ours, theirs = (
            _of_rows(one, name, rows.test) for one in (shared, load_model(twin_of(model, name))[1])
        )
        if len(ours):
            found[name] = (ours, theirs)
    return found


def _of_rows(model: TextModel, task: str, rows: Sequence[Example]) -> Tensor:
    with torch.no_grad():
        vectors = model.vectors(task, rows)
        return model.tasks[task].row_losses(model.heads[task], vectors, rows)


def upper_bound(differences: Tensor) -> float:
    """(n,) paired differences -> one-sided 95 % bound of their mean, by the normal distribution."""
    if len(differences) < 2:
        return float("inf")
    error = differences.std() / len(differences) ** 0.5
    return float(differences.mean() + _ONE_SIDED_95 * error)
