"""Which other tasks help one task, by its own loss on held-out folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Tried:
    """One set of tasks beside the set that was best before it.

    Attributes:
        tasks: The set; the target is the first.
        losses: Of the target, one a fold.
        gain: Mean over folds of (loss before - loss now); above 0 = it helps.
        error: Standard error of that mean, over folds.
        kept: Whether the set replaced the one before.
    """

    tasks: tuple[str, ...]
    losses: tuple[float, ...]
    gain: float
    error: float
    kept: bool


@dataclass(frozen=True, slots=True)
class TaskSet:
    """What was chosen, and everything that was tried for it.

    Attributes:
        tasks: The target, then those that help it.
        losses: Of the target, one a fold.
        tried: In their order; without the target alone.
    """

    tasks: tuple[str, ...]
    losses: tuple[float, ...]
    tried: tuple[Tried, ...]


def choose_tasks(
    target: str,
    helpers: Sequence[str],
    loss: Callable[[tuple[str, ...], int], float],
    n_folds: int = 5,
) -> TaskSet:
    """Cross-validated forward selection, one task at a time.

    The helper with the largest mean gain joins if that gain is more than one standard error
    over the folds, paired: a set grows only where the folds agree (the one-standard-error rule of
    Breiman et al. 1984, section 3.4.3). Then the others are tried beside it. So T helpers cost at
    most T (T + 1) / 2 + 1 trainings a fold.

    Args:
        target: The task that is to become better.
        helpers: Tasks that may be trained with it.
        loss: Tasks to train together (the target first) and a fold from 0 -> loss of the target on
            what this fold holds out, the same rows for every set.
        n_folds: 2 or more.

    Raises:
        TrainingError: Fewer than two folds, or the target is among its helpers.
    """
    if n_folds < 2 or target in helpers or len(set(helpers)) != len(helpers):
        raise TrainingError(
            f"n_folds is {n_folds}, helpers of {target} are {list(helpers)}: 2 folds or more are "
            "needed, and helpers that are not the target, none twice"
        )

    def losses(tasks: tuple[str, ...]) -> tuple[float, ...]:
        return tuple(loss(tasks, fold) for fold in range(n_folds))

    tasks: tuple[str, ...] = (target,)
    best, left, tried = losses(tasks), list(helpers), list[Tried]()
    while left:
        round_ = [_compare((*tasks, helper), best, losses((*tasks, helper))) for helper in left]
        winner = max(round_, key=lambda each: each.gain)
        tried += [each if each is winner else _passed_over(each) for each in round_]
        if not winner.kept:
            break
        tasks, best = winner.tasks, winner.losses
        left.remove(tasks[-1])
    return TaskSet(tasks, best, tuple(tried))


def _compare(tasks: tuple[str, ...], before: Sequence[float], now: tuple[float, ...]) -> Tried:
    gains = np.subtract(before, now)
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    return Tried(tasks, now, gain, error, gain > error)


def _passed_over(tried: Tried) -> Tried:
    return Tried(tried.tasks, tried.losses, tried.gain, tried.error, kept=False)
