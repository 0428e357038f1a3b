"""What a training came to, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of a training's history.

    Attributes:
        losses: Mean of each loss over the epoch.
        measures: Of the validation after it.
    """

    losses: Mapping[str, float]
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a training came to; the module has the weights of the best epoch.

    Attributes:
        best: Epoch whose weights were kept, from 0.
        history: All epochs in their order.
        stopped_early: Whether patience ended it.
    """

    best: int
    history: tuple[Epoch, ...]
    stopped_early: bool

    @property
    def measures(self) -> Mapping[str, float]:
        """Those of the best epoch."""
        return self.history[self.best].measures
