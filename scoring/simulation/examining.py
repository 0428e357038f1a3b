"""Shoppers who look at each rank with a chance of its own: the position-based model."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scoring.simulation.look import Look
from scoring.simulation.population import Population

POSITION: Final = 0.5
"""Examination of rank k is `k^−POSITION` in an ordinary mood."""

_BASE: Final = -2.8
_TIRED: Final = 0.8
_DEPTH: Final = 0.7
_KEPT: Final = 0.8
_TEMPER: Final = 0.8
_RETURN: Final = 2.0


class ExaminingShoppers(Population):
    """P(click at rank k) = P(rank k is looked at) · P(the item is wanted): independent ranks.

    (Craswell, Zoeter, Taylor & Ramsey, WSDM 2008; Richardson et al., WWW 2007.)

    - Looks: `k^(−η · exp(−0.7 (2s − 1)))`: who is satisfied looks further down, so that the
      session is longer. s in (0, 1) is the user's satisfaction.
    - Wants: `σ(−2.8 + 2.5 match + 0.9 lure − ½ slope · dear + again − 0.8 tired)`: the same
      category again and again tires.
    - Long term: net positive exposure `n ← 0.8 n + Σ_clicked joy`, `s = σ(0.8 n)` (RecSim's
      long-term satisfaction, Ie et al. 2019, section 4.3). An item that looks better than it is
      earns its click now and costs depth and return later: log odds to come back `+ 2 (2s − 1)`.
    """

    name: ClassVar[str] = "examining"

    @property
    def satisfaction(self) -> NDArray[np.float64]:
        """(B,) in (0, 1), 0.5 = neither."""
        found: NDArray[np.float64] = expit(_TEMPER * self._exposure)
        return found

    def _begin(self, n_users: int) -> None:
        self._exposure = np.zeros(n_users)

    def _inner(self, users: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        mood = self._mood(users)
        return mood, mood**2

    def _mood(self, users: NDArray[np.int64]) -> NDArray[np.float64]:
        """(b,) in (-1, 1)."""
        found: NDArray[np.float64] = 2.0 * expit(_TEMPER * self._exposure[users]) - 1.0
        return found

    def _looks(self, look: Look) -> NDArray[np.float64]:
        steepness = POSITION * np.exp(-_DEPTH * self._mood(look.users))
        ranks = np.arange(1, look.places.shape[1] + 1, dtype=np.float64)
        found: NDArray[np.float64] = np.where(look.there, ranks ** -steepness[:, None], 0.0)
        return found

    def _wants(self, look: Look) -> NDArray[np.float64]:
        found: NDArray[np.float64] = expit(_BASE + self._wanted(look) - _TIRED * look.tired)
        return found

    def _examined_and_clicked(self, look: Look) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        looks = self._looks(look)
        return looks, looks * self._wants(look)

    def _choose(self, look: Look) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        examined = self._chance_to_examine(look) < self._looks(look)
        return examined, examined & (self._chance_to_click(look) < self._wants(look))

    def _feel(
        self,
        look: Look,
        examined: NDArray[np.bool_],
        clicks: NDArray[np.bool_],
        purchases: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        joy = np.where(clicks, look.joy, 0.0).sum(axis=1)
        exposure = _KEPT * self._exposure[look.users] + joy
        self._exposure[look.users] = np.where(look.here, exposure, self._exposure[look.users])
        return _RETURN * self._mood(look.users)
