"""Numbers of a policy, tried one after the other on what was wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring import Policy, PolicyError
from scoring.policy_file import with_numbers
from scoring.tuning.front import is_front
from scoring.tuning.search import Search, Trial
from scoring.tuning.trials import Trials
from streams.occasions.asking import Hindsight


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished search.

    Attributes:
        trials: All; number 0 is the policy as it was.
        on_front: (n,) which of them no other beats in every objective.
        chosen: Number of the trial that is proposed.
    """

    trials: Sequence[Trial]
    on_front: NDArray[np.bool_]
    chosen: int

    @property
    def values(self) -> NDArray[np.float64]:
        """(n, m) figures of the objectives."""
        return np.array([trial.values for trial in self.trials])


def tune(
    hindsight: Hindsight,
    policy: Policy,
    search: Search,
    objectives: Sequence[str],
    trials: Trials,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Try until the search has had its trials; those that were made before are not made again.

    Args:
        hindsight: What was wanted.
        policy: What is there now: trial 0, and every number that is not looked for.
        search: Where to look.
        objectives: Measures, the most important first.
        trials: Kept as they are made.
        progress: Called with (trials made, of how many).
    """
    while len(trials.made) < search.n_trials:
        number = len(trials.made)
        numbers = search.numbers(trials.made) if number else search.space.of(policy)
        listed = hindsight.ask(with_numbers(policy, numbers, f"trial {number}"))
        values = tuple(round(listed.mean(name), 6) for name in objectives)
        trials.add(Trial(number, numbers, values))
        progress(number + 1, search.n_trials)


def decide(
    trials: Sequence[Trial],
    objectives: Sequence[str],
    at_least: Mapping[str, float],
    choose: int | None = None,
) -> Outcome:
    """The front, and the best for the first objective of what has enough of the others.

    Args:
        trials: All of them.
        objectives: Their measures.
        at_least: Some of them -> the least that the choice must have.
        choose: Number of the trial that a person prefers, 0 to n - 1.

    Raises:
        PolicyError: No trial has enough.
    """
    values = np.array([trial.values for trial in trials])
    enough = np.ones(len(trials), np.bool_)
    for name, least in at_least.items():
        enough &= values[:, objectives.index(name)] >= least
    if choose is not None:
        chosen = choose
    elif not enough.any():
        best = values.max(axis=0)
        said = ", ".join(f"{n} {v:.4f}" for n, v in zip(objectives, best, strict=True))
        raise PolicyError(f"no trial has at least that; the best of each are {said}")
    else:
        chosen = int(np.where(enough, values[:, 0], -np.inf).argmax())
    return Outcome(trials, is_front(values), chosen)
