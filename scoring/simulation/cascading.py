"""Shoppers who go down a list until they have had enough: the cascade model."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scoring.simulation.look import Look
from scoring.simulation.population import Population

_BASE: Final = -2.4
_SAME: Final = 0.5
_TIRED: Final = 0.3
_SATED: Final = 0.0
_GOES_ON: Final = 1.7
_TRUSTS: Final = 1.2
_LEARNS: Final = 0.3
_RETURN: Final = 2.0


class CascadingShoppers(Population):
    """Examines from the top; a click may satisfy, and who is satisfied stops.

    (Cascade: Craswell, Zoeter, Taylor & Ramsey, WSDM 2008; clicks that satisfy or do not and a
    chance to give up: the dynamic Bayesian network of Chapelle & Zhang, WWW 2009.)

    - `P(look at 1) = 1`, `P(look at k+1 | look at k) = g_u · (1 − click_k · satisfied_k)`.
    - Wants: `σ(−2.4 + 2.5 match + 0.9 lure − ½ slope · dear + again − 0.3 tired − 0.5 n)`, n the
      number of items of its category higher in the list: sameness tires at once, not only from
      visit to visit.
    - A click satisfies with chance `σ(2 joy)`.
    - Long term: trust t in (0, 1), at first ½, learns from clicks alone: `t ← t + 0.3 (1 − t)`
      after a click that satisfied, `t ← 0.7 t` after one that did not, `t ← 0.9 t` in a visit
      without a click. `g_u = σ(1.7 + 1.2 (2t − 1))`: who trusts the lists reads on. Log odds to
      come back `+ 2 (2t − 1)`. It is bounded and quickly lost, which
      the satisfaction of `ExaminingShoppers` is not.
    """

    name: ClassVar[str] = "cascading"

    @property
    def trust(self) -> NDArray[np.float64]:
        """(B,) in (0, 1)."""
        return self._trust.copy()

    def _begin(self, n_users: int) -> None:
        self._trust = np.full(n_users, 0.5)

    def _inner(self, users: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        mood = 2.0 * self._trust[users] - 1.0
        return mood, mood**2

    def _wants(self, look: Look) -> NDArray[np.float64]:
        kinds = np.where(look.there, self.wares.kinds[look.places], -1)
        above = np.tril(np.ones((kinds.shape[1], kinds.shape[1])), -1)
        same = ((kinds[:, :, None] == kinds[:, None, :]) * above).sum(axis=2)
        wanted = expit(_BASE + self._wanted(look) - _TIRED * look.tired - _SAME * same)
        found: NDArray[np.float64] = np.where(look.there, wanted, 0.0)
        return found

    def _goes_on(self, look: Look) -> NDArray[np.float64]:
        """(b,)."""
        found: NDArray[np.float64] = expit(
            _GOES_ON + _TRUSTS * (2.0 * self._trust[look.users] - 1.0)
        )
        return found

    def _examined_and_clicked(self, look: Look) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        wants, sated, goes_on = self._wants(look), _sated(look), self._goes_on(look)
        passes = goes_on[:, None] * (1.0 - wants * sated)
        looks = np.ones(look.places.shape)
        looks[:, 1:] = np.cumprod(passes, axis=1)[:, :-1]
        looks *= look.there
        return looks, looks * wants

    def _choose(self, look: Look) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        n_ranks = look.places.shape[1]
        would_click = self._chance_to_click(look) < self._wants(look)
        sated = self._chance_of_enough(look) < _sated(look)
        goes_on = self._chance_to_examine(look) < self._goes_on(look)[:, None]
        goes_on &= ~(would_click & sated)
        examined = np.ones((len(look.users), n_ranks), np.bool_)
        examined[:, 1:] = np.logical_and.accumulate(goes_on, axis=1)[:, :-1]
        examined &= look.there
        return examined, examined & would_click

    def _feel(
        self,
        look: Look,
        examined: NDArray[np.bool_],
        clicks: NDArray[np.bool_],
        purchases: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        sated = self._chance_of_enough(look) < _sated(look)
        trust = self._trust[look.users]
        for rank in range(look.places.shape[1]):
            after = np.where(sated[:, rank], trust + _LEARNS * (1 - trust), (1 - _LEARNS) * trust)
            trust = np.where(clicks[:, rank], after, trust)
        trust = np.where(clicks.any(axis=1) | ~look.here, trust, (1 - _LEARNS / 3) * trust)
        self._trust[look.users] = trust
        return _RETURN * (2.0 * trust - 1.0)


def _sated(look: Look) -> NDArray[np.float64]:
    """(b, K) chance that a click satisfies."""
    found: NDArray[np.float64] = expit(_SATED + 2.0 * look.joy)
    return found
