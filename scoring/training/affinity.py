"""Affinity of tasks: does a step on one task lower another one's loss?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Affinity:
    """What steps on tasks do to losses.

    Attributes:
        tasks: T names.
        gains: (T, T) float64; row i, column j: the share by which one step on task i lowers the
            loss of task j. Below 0, it raises it. On the diagonal is what a step gains for itself.
    """

    tasks: tuple[str, ...]
    gains: NDArray[np.float64]


def task_affinity(
    losses: Callable[[], Mapping[str, Tensor]], shared: Sequence[nn.Parameter], rate: float
) -> Affinity:
    """Lookahead losses of Fifty et al., NeurIPS 2021, equation 1.

        Z(i → j) = 1 - L_j(θ_shared - rate ∇L_i, θ_j) / L_j(θ_shared, θ_j)

    A single batch says little: average over many of them in the course of a joint training, with
    `mean_affinity`. It costs a forward pass a task beside a backward pass a task. Weights, `.grad`
    and batch are as they were; dropout is the same in all passes on the CPU.

    Args:
        losses: A forward pass on the same batch each time; scalars above 0 by task.
        shared: Parameters that a step moves.
        rate: Of the step, plain gradient descent; about that of the training.

    Raises:
        TrainingError: A loss is 0 or below, or no loss reaches the shared parameters.
    """
    wanted = [parameter for parameter in shared if parameter.requires_grad]
    dice = torch.get_rng_state()
    before = dict(losses())
    old = _values(before)
    if not (old > 0).all() or not wanted:
        raise TrainingError(
            f"affinity compares losses above 0 over shared parameters; here are {before} "
            f"over {len(wanted)} parameters"
        )
    slopes = [
        torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
        for loss in before.values()
    ]
    if all(slope is None for task in slopes for slope in task):
        raise TrainingError("no loss reaches the shared parameters: nothing to look ahead with")
    start = [parameter.detach().clone() for parameter in wanted]
    gains = np.zeros((len(old), len(old)))
    try:
        for i, task in enumerate(slopes):
            with torch.no_grad():
                for parameter, at, slope in zip(wanted, start, task, strict=True):
                    parameter.copy_(at if slope is None else at - rate * slope)
            torch.set_rng_state(dice)
            gains[i] = 1 - _values(losses()) / old  # with a graph: an attack needs gradients
    finally:
        with torch.no_grad():
            for parameter, at in zip(wanted, start, strict=True):
                parameter.copy_(at)
    return Affinity(tuple(before), gains)


def mean_affinity(found: Sequence[Affinity]) -> Affinity:
    """The average over batches, all of the same tasks.

    Raises:
        TrainingError: None is given, or their tasks differ.
    """
    if len({each.tasks for each in found}) != 1:
        raise TrainingError("affinities are averaged over at least one batch, of the same tasks")
    return Affinity(found[0].tasks, np.mean([each.gains for each in found], axis=0))


def best_groups(affinity: Affinity, n_groups: int) -> tuple[tuple[str, ...], ...]:
    """Which tasks to train together: the division into at most so many groups that gains most.

    Section 3.2 of the paper: a task gains the mean affinity of the other tasks of its group to it,
    and nothing alone. All divisions are tried, so this is for about ten tasks; in the paper,
    unlike here, a task may be trained in several groups and taken from one.

    Raises:
        TrainingError: Fewer than one group.
    """
    if n_groups < 1:
        raise TrainingError(f"n_groups is {n_groups}, it must be 1 or more")
    places = range(len(affinity.tasks))
    best = max(_divisions(list(places), n_groups), key=lambda groups: _gained(affinity, groups))
    return tuple(tuple(affinity.tasks[place] for place in group) for group in best)


def _gained(affinity: Affinity, groups: Sequence[Sequence[int]]) -> float:
    total = 0.0
    for group in groups:
        for j in group:
            others = [i for i in group if i != j]
            if others:
                total += float(affinity.gains[others, j].mean())
    return total


def _divisions(places: list[int], most: int) -> Iterator[list[list[int]]]:
    """All ways to divide places into at most `most` groups."""
    if not places:
        yield []
        return
    *rest, last = places
    for groups in _divisions(rest, most):
        for n in range(len(groups)):
            yield [*groups[:n], [*groups[n], last], *groups[n + 1 :]]
        if len(groups) < most:
            yield [*groups, [last]]


def _values(losses: Mapping[str, Tensor]) -> NDArray[np.float64]:
    return np.array([float(loss.detach()) for loss in losses.values()])
