"""Behaviour tasks as something the loop can train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from scoring.balancing import Balancer, balancer_of
from scoring.behaviour.encoding import Encoding, encode, learn_encoding
from scoring.behaviour.inputs import Inputs
from scoring.behaviour.model import BehaviourModel
from scoring.behaviour.rates import cross_fitted, every_rate
from scoring.behaviour.recipe import BehaviourRecipe
from scoring.behaviour.rows import BehaviourRows
from scoring.behaviour.tasks.contract import BehaviourTask, Logits

_TOGETHER = 8_192


@dataclass(frozen=True, slots=True)
class Examples:
    """n rows as tensors.

    Attributes:
        inputs: Of the model.
        targets: Task -> (n, k), NaN where not observed.
    """

    inputs: Inputs
    targets: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, places: Tensor) -> Examples:
        """Some of them."""
        targets = {name: each[places] for name, each in self.targets.items()}
        return Examples(self.inputs.take(places), targets)


class BehaviourTraining:
    """A `Trainable`: each step has rows, each of which has labels of some tasks.

    Attributes:
        module: What learns.
        n_batches: Of an epoch; a last, smaller batch is left out.
        encoding: Learned of the training rows.
    """

    def __init__(
        self,
        recipe: BehaviourRecipe,
        tasks: Mapping[str, BehaviourTask],
        train: BehaviourRows,
        validation: BehaviourRows,
    ) -> None:
        for name, task in tasks.items():
            task.learn_facts(train.labels[name])
        rates = every_rate(recipe, train.features, train.labels)
        columns = cross_fitted(recipe, train.features, train.labels, train.keys.tolist())
        train = replace(train, features=columns)
        self.encoding = learn_encoding(recipe.features, columns, rates)
        outputs = {name: n for task in tasks.values() for name, n in task.outputs.items()}
        self.module = BehaviourModel(recipe, self.encoding, outputs)
        self._tasks = tasks
        self._train = examples(recipe, self.encoding, tasks, train)
        self._validation = examples(recipe, self.encoding, tasks, validation)
        self._batch_size = min(recipe.batch_size, len(train))
        self._seed = recipe.training.seed
        self.n_batches = len(train) // self._batch_size
        for task in tasks.values():
            self.module.sharing.start_at(task.rates(self._train.targets))

    def shared(self) -> Sequence[nn.Parameter]:
        """Features, and what the form of sharing shares."""
        return self.module.shared()

    def begin_epoch(self, epoch: int) -> None:
        """Nothing depends on it."""

    def batches(self, epoch: int) -> Iterator[Examples]:
        """The rows of an epoch, shuffled."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._train))
        for start in range(0, self.n_batches * self._batch_size, self._batch_size):
            yield self._train.take(torch.from_numpy(order[start : start + self._batch_size]))

    def losses(self, batch: Examples) -> dict[str, Tensor]:
        """One a task."""
        logits = self.module(batch.inputs)
        return {name: task.loss(logits, batch.targets[name]) for name, task in self._tasks.items()}

    def validate(self) -> dict[str, float]:
        """Measures as ``task.measure``, and ``loss``, the sum of the tasks' losses."""
        if not len(self._validation):
            return {}
        logits = every_logit(self.module, self._validation.inputs)
        targets = self._validation.targets
        found = measures(self._tasks, logits, targets)
        total = sum(float(task.loss(logits, targets[name])) for name, task in self._tasks.items())
        flat = {f"{task}.{name}": v for task, each in found.items() for name, v in each.items()}
        return {**flat, "loss": total}

    def calibrate(self) -> None:
        """Fit slopes and shifts on the validation rows, clicks before what they are given to."""
        if not len(self._validation):
            return
        logits = every_logit(self.module, self._validation.inputs)
        for task in sorted(self._tasks.values(), key=lambda each: len(each.needs)):
            targets = self._validation.targets[task.name].double()
            if bool(task.seen(targets).any()):
                self.module.calibration.fit(
                    logits,
                    tuple(task.outputs),
                    lambda there, task=task, targets=targets: task.row_losses(there, targets).sum(),
                )


def examples(
    recipe: BehaviourRecipe,
    encoding: Encoding,
    tasks: Mapping[str, BehaviourTask],
    rows: BehaviourRows,
) -> Examples:
    """Rows as tensors."""
    return Examples(
        encode(recipe.features, encoding, rows.features),
        {name: task.targets(rows.labels[name]) for name, task in tasks.items()},
    )


def every_logit(model: BehaviourModel, inputs: Inputs) -> dict[str, Tensor]:
    """Logits of any number of rows, uncalibrated, without gradients."""
    with torch.no_grad():
        parts = [
            model(inputs.take(places))
            for places in torch.split(torch.arange(len(inputs)), _TOGETHER)
        ]
    return {name: torch.cat([each[name] for each in parts]) for name in parts[0]}


def calibrated(model: BehaviourModel, inputs: Inputs) -> dict[str, Tensor]:
    """The same, calibrated."""
    logits: dict[str, Tensor] = model.calibration(every_logit(model, inputs))
    return logits


def measures(
    tasks: Mapping[str, BehaviourTask], logits: Logits, targets: Mapping[str, Tensor]
) -> dict[str, dict[str, float]]:
    """By task; tasks that no row has a label of are left out."""
    return {
        name: task.measures(logits, targets[name])
        for name, task in tasks.items()
        if bool(task.seen(targets[name]).any())
    }


def recipe_balancer(recipe: BehaviourRecipe) -> Balancer:
    """The recipe's, over its tasks."""
    weights = {name: task.weight for name, task in recipe.tasks.items()}
    return balancer_of(recipe.balancing, weights)
