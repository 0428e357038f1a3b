"""Tasks of a behaviour recipe, trained together or without each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from scoring.behaviour.recipe import BehaviourRecipe, loop_settings
from scoring.behaviour.rows import Parts, read_parts
from scoring.behaviour.tasks.choice import make_tasks
from scoring.behaviour.training import BehaviourTraining, calibrated, examples, recipe_balancer
from scoring.behaviour.twins import alone
from scoring.errors import RowsError
from scoring.training.loop import fit
from scoring.training.rows import Reading
from scoring.training.split import place_of
from scoring.training.task_source import Joint, Stop


class BehaviourTasks:
    """A `TaskSource`.

    Folds are drawn by the keys of a hashed split. In a split by time they are blocks of
    equally many rows, each asked of a model that has learned what came before it.
    """

    def __init__(self, recipe: BehaviourRecipe, folder: Path, reading: Reading) -> None:
        self._recipe = recipe
        self._parts: Parts = read_parts(recipe, make_tasks(recipe.tasks), folder, reading)

    @property
    def tasks(self) -> tuple[str, ...]:
        """In the recipe's order."""
        return tuple(self._recipe.tasks)

    @property
    def identity(self) -> str:
        """Of recipe and rows."""
        digest = hashlib.blake2b(msgspec.json.encode(self._recipe), digest_size=8)
        digest.update(self._parts.train.digest().encode())
        digest.update(self._parts.validation.digest().encode())
        return digest.hexdigest()

    def joint(self) -> Joint:
        """All tasks on all training rows."""
        recipe = self._recipe
        torch.manual_seed(recipe.training.seed)
        tasks = make_tasks(recipe.tasks)
        training = BehaviourTraining(recipe, tasks, self._parts.train, self._parts.validation)
        return Joint(training, loop_settings(recipe), recipe_balancer(recipe))

    def fold_loss(self, tasks: tuple[str, ...], fold: int, n_folds: int, stop: Stop) -> float:
        """Train without a fold's rows, calibrate, ask about them."""
        recipe = alone(self._recipe, tasks)
        made = make_tasks(recipe.tasks)
        rows = self._parts.train
        learned, asked = self._fold(fold, n_folds)
        if len(learned) < 2 or not len(asked):
            raise RowsError(f"fold {fold + 1} of {n_folds} is empty: take fewer --folds")
        torch.manual_seed(recipe.training.seed)
        training = BehaviourTraining(recipe, made, rows.part(learned), self._parts.validation)
        held_out = examples(recipe, training.encoding, made, rows.part(asked))
        target, targets = made[tasks[0]], held_out.targets[tasks[0]]
        if not bool(target.seen(targets).any()):
            raise RowsError(
                f"fold {fold + 1} of {n_folds} has no label of {tasks[0]}: take fewer --folds"
            )
        fit(training, loop_settings(recipe), recipe_balancer(recipe), stop=stop)
        training.calibrate()
        return float(target.loss(calibrated(training.module, held_out.inputs), targets))

    def _fold(self, fold: int, n_folds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of the rows that are learned, and of those that are asked about."""
        rows = self._parts.train
        if self._recipe.split == "time":
            edges = np.quantile(rows.at, np.linspace(0, 1, n_folds + 2)[1:-1], method="nearest")
            block = np.searchsorted(edges, rows.at, side="right")  # 0 is learned in every fold
            return np.flatnonzero(block <= fold), np.flatnonzero(block == fold + 1)
        seed = self._recipe.split_seed
        of_key = {key: int(place_of(key, "fold", seed) * n_folds) for key in set(rows.keys)}
        folds = np.array([of_key[key] for key in rows.keys])
        return np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
