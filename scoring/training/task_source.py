"""Tasks that can be trained together or without each other, whatever they are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from scoring.training.contracts import Balancer, Progress, Trainable
from scoring.training.settings import LoopSettings

Stop = Callable[[], bool]
Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Joint:
    """A training of all tasks, not begun."""

    trainable: Trainable[Any]
    settings: LoopSettings
    balancer: Balancer


class TaskSource(Protocol):
    """A recipe with its rows."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Their names."""
        ...

    @property
    def identity(self) -> str:
        """Of recipe and rows: losses of two sources are not to be mixed."""
        ...

    def joint(self) -> Joint:
        """A new training of all tasks."""
        ...

    def fold_loss(self, tasks: tuple[str, ...], fold: int, n_folds: int, stop: Stop) -> float:
        """Train tasks without a fold's rows -> mean loss of the first one on these.

        The rows of a fold are the same for every set of tasks; no test row is among them.

        Raises:
            Interrupted: As asked by stop.
        """
        ...
