"""Shoppers who weigh a list as a whole against buying nothing: multinomial logit. For testing."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scoring.simulation.look import Look
from scoring.simulation.population import LURE_WEIGHT, Population

_BASE: Final = -2.4
_POSITION: Final = 0.4
_TIRED: Final = 0.5
_ROUNDS: Final = 3
_AGAIN: Final = 0.0
_MOOD: Final = 1.0
_KEPT: Final = 0.7
_ORDINARY: Final = 1.1
_LEARNS: Final = 0.5
_RETURN: Final = 2.0
_PURSE: Final = 12.0
_REFILL: Final = 4.0


class ChoosingShoppers(Population):
    """One choice among all that is shown and nothing at all, a few times a visit.

    (Multinomial logit with a no-purchase option: McFadden 1974; of an assortment: Talluri & van
    Ryzin, Management Science 2004. Items take clicks from each other, which neither of the other
    two models has.) **Kept for testing: no policy of this project is trained on it.**

    - `P(i | list) = exp(v_i) / (1 + Σ_j exp(v_j))`, `v = −2.4 + 2.5 match + 0.9 lure − slope · dear
      + again − 0.5 tired − 0.4 log(rank)`: the list is looked at as a whole.
    - 1 to 3 such choices a visit: after one, another with chance `σ(m)`, m the mood. What is chosen
      twice is clicked once: `P(click) = Σ_L P(L rounds) (1 − (1 − P(i))^L)`.
    - A purse: at first 12 times the user's level, + 4 levels a visit, at most 12. What costs more
      than is in it at the visit's start is not bought.
    - Long term: what a list is worth when it is known well, clicked or not: the log-sum with
      quality in the place of looks, `W = log(1 + Σ_j exp(v_j + 0.9 (quality − lure)))` (experienced
      against decision utility: Kahneman, Wakker & Sarin 1997). `m ← 0.7 m + 0.5 (W − 1.1)`, log
      odds to come back `+ 2 tanh(m)`.
    """

    name: ClassVar[str] = "choosing"
    _click_price: ClassVar[float] = 1.0

    def _begin(self, n_users: int) -> None:
        self._mood = np.zeros(n_users)
        self._purse = _PURSE * np.exp(self._levels)

    def _inner(self, users: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        return self._mood[users], self._purse[users] / np.exp(self._levels[users])

    def _values(self, look: Look) -> NDArray[np.float64]:
        """(b, K) v of each item, −infinity where there is none."""
        ranks = np.arange(1, look.places.shape[1] + 1)
        values = _BASE + self._wanted(look) - _TIRED * look.tired - _POSITION * np.log(ranks)
        found: NDArray[np.float64] = np.where(look.there, values, -np.inf)
        return found

    def _shares(self, look: Look) -> NDArray[np.float64]:
        """(b, K) chance of each item in one choice; the rest to 1 is nothing."""
        weights = np.exp(self._values(look))
        found: NDArray[np.float64] = weights / (1.0 + weights.sum(axis=1, keepdims=True))
        return found

    def _goes_on(self, look: Look) -> NDArray[np.float64]:
        """(b,) chance of one more choice."""
        found: NDArray[np.float64] = expit(_AGAIN + _MOOD * self._mood[look.users])
        return found

    def _examined_and_clicked(self, look: Look) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        shares, goes_on = self._shares(look), self._goes_on(look)[:, None]
        clicked, reached = np.zeros(shares.shape), np.ones_like(goes_on)
        for n_rounds in range(1, _ROUNDS + 1):
            ends = 1.0 - goes_on if n_rounds < _ROUNDS else 1.0
            clicked += reached * ends * (1.0 - (1.0 - shares) ** n_rounds)
            reached = reached * goes_on
        return look.there.astype(np.float64), clicked

    def _choose(self, look: Look) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        running = self._shares(look).cumsum(axis=1)
        luck = self._chance_to_click(look, _ROUNDS)
        more = self._chance_to_examine(look, _ROUNDS) < self._goes_on(look)[:, None]
        clicks = np.zeros(look.places.shape, np.bool_)
        going = look.here.copy()
        rows = np.arange(len(going))
        for one in range(_ROUNDS):
            mark = luck[:, one]
            rank = np.count_nonzero(running.T <= mark, axis=0)  # (b,), K = nothing
            chose = going & (rank < look.places.shape[1])
            clicks[rows[chose], rank[chose]] = True
            going &= more[:, one]
        return look.there.copy(), clicks

    def _buy_chance(self, look: Look) -> NDArray[np.float64]:
        price = np.exp(self.wares.log_prices[look.places])
        can = price <= self._purse[look.users, None]
        found: NDArray[np.float64] = np.where(can, super()._buy_chance(look), 0.0)
        return found

    def _feel(
        self,
        look: Look,
        examined: NDArray[np.bool_],
        clicks: NDArray[np.bool_],
        purchases: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        who = look.users
        known = self._values(look) + LURE_WEIGHT * (self.wares.qualities[look.places] - look.lure)
        worth = np.log1p(np.exp(known).sum(axis=1))
        mood = _KEPT * self._mood[who] + _LEARNS * (worth - _ORDINARY)
        self._mood[who] = np.where(look.here, mood, self._mood[who])
        level = np.exp(self._levels[who])
        spent = np.where(purchases, np.exp(self.wares.log_prices[look.places]), 0.0).sum(axis=1)
        filled = np.minimum(self._purse[who] - spent + _REFILL * level, _PURSE * level)
        self._purse[who] = np.where(look.here, filled, self._purse[who])
        return _RETURN * np.tanh(self._mood[who])
