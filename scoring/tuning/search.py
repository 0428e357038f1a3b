"""Where to look next: spread evenly at first, then around what is on the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.tuning.front import is_front
from scoring.tuning.space import Space

_WIDEST: Final = 0.25
_NARROWEST: Final = 0.02
_MOVED: Final = 0.4


@dataclass(frozen=True, slots=True)
class Trial:
    """Numbers that were tried.

    Attributes:
        number: From 0, which is what was there before.
        numbers: Name -> value.
        values: Figures of the objectives, more is better.
    """

    number: int
    numbers: dict[str, float]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """A random search that becomes a local one; a function of its seed and of what was tried.

    The first trials are points of a scrambled Sobol sequence (Owen 1998), which leaves no part of
    the cube out. Each later one takes a point of the front, the best for the first objective every
    other time, and moves some of its coordinates by Gaussian steps that become smaller
    ((1 + 1) evolution strategy with an archive: PAES, Knowles & Corne 1999).

    Attributes:
        space: The cube.
        n_trials: In all.
        n_spread: Of these, how many are spread.
        seed: Another one, another search.
    """

    space: Space
    n_trials: int
    n_spread: int
    seed: int

    def numbers(self, tried: Sequence[Trial]) -> dict[str, float]:
        """The numbers of the next trial; trial 0 is not asked for.

        Args:
            tried: All trials before it, in their order, at least one.
        """
        number = len(tried)
        if number <= self.n_spread:
            return self.space.numbers(self._spread()[number - 1])
        rng = np.random.default_rng([self.seed, number])
        values = np.array([trial.values for trial in tried])
        if number % 2:
            parent = tried[int(values[:, 0].argmax())]
        else:
            parent = tried[int(rng.choice(np.flatnonzero(is_front(values))))]
        done = (number - self.n_spread) / max(self.n_trials - self.n_spread, 1)
        width = _WIDEST * (_NARROWEST / _WIDEST) ** min(done, 1.0)
        point = self.space.point(parent.numbers)
        moves = rng.random(len(point)) < _MOVED
        moves[rng.integers(len(point))] = True
        point = point + moves * rng.normal(0.0, width, len(point))
        return self.space.numbers(1 - np.abs(1 - np.abs(point)).clip(0, 1))  # reflected at the ends

    def _spread(self) -> NDArray[np.float64]:
        """(n_spread, D)."""
        from scipy.stats import qmc

        sobol = qmc.Sobol(len(self.space), rng=self.seed)
        n_power = max(self.n_spread - 1, 0).bit_length()
        points: NDArray[np.float64] = sobol.random_base2(n_power)
        return points[: self.n_spread]
