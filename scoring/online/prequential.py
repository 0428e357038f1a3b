"""Test, then train: measures over a sliding window of rows that were predicted unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.measures import auc, calibration_gap

MOST: Final = 10_000
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one task, over the window (Gama, Sebastião & Rodrigues, KDD 2009).

    Attributes:
        n: Rows.
        auc: nan while all rows are alike.
        log_loss: Natural logarithm.
        calibration: Expected calibration error.
        rate: Share of rows where it happened.
    """

    n: int
    auc: float
    log_loss: float
    calibration: float
    rate: float


class Prequential:
    """The latest `MOST` rows: chances, and what happened."""

    def __init__(self, tasks: tuple[str, ...]) -> None:
        """Begin with none.

        Args:
            tasks: T; ``value`` is no chance and is left out.
        """
        self._tasks = tasks
        self.chances = np.empty((0, len(tasks)), np.float32)
        self.happened = np.empty((0, len(tasks)), np.float32)

    def add(self, chances: NDArray[np.float32], happened: NDArray[np.float32]) -> None:
        """(n, T) each."""
        self.chances = np.concatenate([self.chances, chances])[-MOST:]
        self.happened = np.concatenate([self.happened, happened])[-MOST:]

    def measured(self) -> dict[str, Measured]:
        """Of each task; none while there are no rows."""
        found = {}
        for place, task in enumerate(self._tasks):
            if task == "value" or not len(self.chances):
                continue
            chance, yes = self.chances[:, place].astype(np.float64), self.happened[:, place] > 0
            found[task] = Measured(
                len(yes),
                auc(chance, yes),
                float(log_losses(chance, yes).mean()),
                calibration_gap(chance, yes),
                float(yes.mean()),
            )
        return found


def log_losses(chances: NDArray[np.float64], happened: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) negative logarithms of the chance of what happened."""
    sure = np.clip(chances, _LEAST, 1 - _LEAST)
    found: NDArray[np.float64] = -np.log(np.where(happened, sure, 1 - sure))
    return found
