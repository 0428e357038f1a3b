"""What all simulated populations have in common: who they are, what is offered, what time does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from scoring.simulation.bought import Bought
from scoring.simulation.chance import Purpose, uniforms
from scoring.simulation.contract import FEATURES, Chances, Offer, Reactions
from scoring.simulation.habits import HABITS, Habits
from scoring.simulation.look import DWELL_SD, Look
from scoring.simulation.wares import DIM, Wares, unit
from scoring.worth import WORTH, Worth

LURE_WEIGHT: Final = 0.9
"""Log odds of a click that one deviation of looks brings."""

_DWELL_MEAN: Final = float(np.exp(DWELL_SD**2 / 2))
_CART: Final = -1.2
_BUY: Final = 0.2
_WISH: Final = 8.0


class Population(ABC):
    """The `Shoppers` of one choice model: subclasses say how users examine, click and feel.

    What is common: after a click the item goes to the cart with chance `σ(c + 1.5 joy + 0.5 again)`
    and is bought from there with chance `σ(b + eager_u + 1.5 joy + again − slope · dear)`; seconds
    on its page are log-normal with median `20 · exp(0.8 joy)`. `joy = tanh(1.2 match + quality)`.
    Tiredness of a category fades by a factor each visit and grows by one with each item of it that
    was examined; a taste wanders by chance, and goes a little towards what was enjoyed (interest
    evolution, Ie et al. 2019, arXiv:1909.04847, section 4.2).

    Args:
        wares: What is sold.
        habits: Numbers of the population.
        worth: What reactions are worth.
        n_candidates: How many `candidates` offers, at most all.
    """

    name: ClassVar[str]
    features: ClassVar[tuple[str, ...]] = FEATURES
    _click_price: ClassVar[float] = 0.5  # share of the price's weight that counts before the click

    def __init__(
        self,
        wares: Wares,
        *,
        habits: Habits = HABITS,
        worth: Worth = WORTH,
        n_candidates: int = 50,
    ) -> None:
        self.wares = wares
        self.habits = habits
        self.worth = worth
        self._n_candidates = min(n_candidates, len(wares))
        rng = np.random.default_rng([7, len(wares)])
        self._ratings = wares.qualities + habits.quality_noise * rng.standard_normal(len(wares))
        self.reset(0, 0)

    @property
    def n_items(self) -> int:
        """Places of the catalogue."""
        return len(self.wares)

    @property
    def n_users(self) -> int:
        """Strangers of the last `reset`, those who left since among them."""
        return len(self._visits)

    def reset(self, n_users: int, seed: int) -> None:
        """Begin anew with `n_users` strangers."""
        self._seed = seed
        self._all = np.arange(n_users)
        self._visits = np.zeros(n_users, np.int64)
        who = ndtri(self.chance(self._all, Purpose.STRANGER, 2 * DIM + 2))
        self._tastes = unit(who[:, :DIM])
        self._believed_error = self.habits.taste_noise * unit(who[:, DIM : 2 * DIM])
        self._levels = self.wares.log_prices.mean() + self.habits.level_sd * who[:, -2]
        self._eager = self.habits.eagerness_sd * who[:, -1]
        self._tired = np.zeros((n_users, self.wares.n_kinds))
        self._here = np.ones(n_users, np.bool_)
        self._bought = Bought(n_users)
        self._last_dwell = np.zeros(n_users)
        self._begin(n_users)

    def candidates(self, users: NDArray[np.int64] | None = None) -> Offer:
        """What suits them as far as a shop knows, popular items, and chance: Gumbel top C."""
        who = self._all if users is None else users
        believed = unit(self._tastes[who] + self._believed_error[who])
        match = believed @ self.wares.vectors.T  # (b, N)
        luck = -np.log(-np.log(self.chance(who, Purpose.OFFERED, self.n_items)))
        worth = 3.0 * match + 0.3 * self.wares.popularity + luck
        n = self._n_candidates
        places = np.sort(np.argpartition(-worth, n - 1, axis=1)[:, :n], axis=1)
        features = np.stack(
            [
                np.take_along_axis(match, places, axis=1),
                self.wares.lures[places],
                self._ratings[places],
                self.wares.log_prices[places] - self._levels[who, None],
                self.wares.popularity[places],
                np.log1p(self._tired[who[:, None], self.wares.kinds[places]]),
                self._bought.before(who, places),
                np.broadcast_to(np.log1p(self._last_dwell[who])[:, None], places.shape),
                np.broadcast_to(np.log1p(self._visits[who])[:, None], places.shape),
            ],
            axis=-1,
        )
        return Offer(features.astype(np.float32), places, self._here[who])

    def chances(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Chances:
        """The truth about these lists as things are now; changes nothing.

        Raises:
            ValueError: Places that there are not, or one twice in a list.
        """
        return self._chances(self._look(slates, users))

    def expected_reward(
        self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(b,) mean of this visit's reward, exact; 0 for who has left. Changes nothing."""
        true = self.chances(slates, users)
        worths = self.worth.of(true.clicked, true.carted, true.bought, true.dwell_s)
        found: NDArray[np.float64] = worths.sum(axis=1)
        return found

    def inner(self, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """(b, S) how users are now: habits of their own, fatigue, and what their model keeps."""
        who = self._all if users is None else users
        columns = [
            self._eager[who],
            self._levels[who] - self.wares.log_prices.mean(),
            0.1 * self._visits[who],
            np.log1p(self._visits[who]),
            np.log1p(self._bought.counts[who]),
            np.log1p(self._tired[who]).mean(axis=1),
            *self._inner(who),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def react(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> Reactions:
        """Show these lists: what happens, and what it leaves behind in the users.

        Raises:
            ValueError: As `chances`; or a user twice.
        """
        look = self._look(slates, users)
        who, shape = look.users, look.places.shape
        if len(np.unique(who)) < len(who):
            raise ValueError("a user reacts to one list at a time")
        examined, clicks = self._choose(look)
        carts = clicks & (self.chance(who, Purpose.CARTED, shape[1]) < self._cart_chance(look))
        purchases = carts & (self.chance(who, Purpose.BOUGHT, shape[1]) < self._buy_chance(look))
        spread = np.exp(DWELL_SD * ndtri(self.chance(who, Purpose.DWELT, shape[1])))
        dwell_s = np.where(clicks, look.dwell_median_s * spread, 0.0)
        self._remember(look, examined, clicks, purchases, dwell_s)
        gladness = self._feel(look, examined, clicks, purchases)
        stays = np.where(look.here, expit(self.habits.stay + gladness), 0.0)
        gap = ndtri(self.chance(who, Purpose.GAP, 1)[:, 0])
        days = self.habits.gap_median_days * np.exp(self.habits.gap_sd * gap - 0.5 * gladness)
        self._here[who] &= self.chance(who, Purpose.STAYS, 1)[:, 0] < stays
        here = self._here[who]
        self._visits[who] += look.here
        reward = self.worth.of(clicks, carts, purchases, dwell_s).sum(axis=1)
        days[~here] = np.inf
        return Reactions(examined, clicks, carts, purchases, dwell_s, ~here, days, reward, stays)

    @abstractmethod
    def _begin(self, n_users: int) -> None:
        """Set what this model keeps of its users to that of strangers."""

    @abstractmethod
    def _inner(self, users: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        """(b,) numbers of what this model keeps of its users."""

    @abstractmethod
    def _examined_and_clicked(self, look: Look) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(b, K) true chances that a rank is looked at, and that it is clicked."""

    @abstractmethod
    def _choose(self, look: Look) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(b, K) what was examined and what was clicked, by chance."""

    @abstractmethod
    def _feel(
        self,
        look: Look,
        examined: NDArray[np.bool_],
        clicks: NDArray[np.bool_],
        purchases: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Take the visit in; (b,) how glad they leave, 0 = as ever: log odds to come back."""

    def _chances(self, look: Look) -> Chances:
        examined, clicked = self._examined_and_clicked(look)
        carted = clicked * self._cart_chance(look)
        return Chances(
            examined=examined,
            clicked=clicked,
            carted=carted,
            bought=carted * self._buy_chance(look),
            dwell_s=clicked * look.dwell_median_s * _DWELL_MEAN,
        )

    def _cart_chance(self, look: Look) -> NDArray[np.float64]:
        """(b, K) of what was clicked."""
        found: NDArray[np.float64] = expit(_CART + 1.5 * look.joy + 0.5 * look.again)
        return found

    def _buy_chance(self, look: Look) -> NDArray[np.float64]:
        """(b, K) of what is in the cart."""
        eager = self._eager[look.users, None] + self.habits.again * look.again
        found: NDArray[np.float64] = expit(
            _BUY + eager + 1.5 * look.joy - self.habits.price_slope * look.dear
        )
        return found

    def _wanted(self, look: Look) -> NDArray[np.float64]:
        """(b, K) log odds of a click on what is looked at, without the model's own part."""
        return (
            2.5 * look.match
            + LURE_WEIGHT * look.lure
            - self._click_price * self.habits.price_slope * look.dear
            + self.habits.again * look.again
        )

    def wished(self, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """(b,) place of an item that each would like now, as in a search: one drawn by match."""
        match = self._tastes[users] @ self.wares.vectors.T  # (b, N)
        luck = -np.log(-np.log(self.chance(users, Purpose.WISHED, self.n_items)))
        found: NDArray[np.int64] = (_WISH * match + luck).argmax(axis=1)
        return found

    def chance(self, users: NDArray[np.int64], purpose: Purpose, n: int) -> NDArray[np.float64]:
        """(b, n) numbers in (0, 1) of these users at this visit; apart by purpose."""
        return uniforms(self._seed, users, self._visits[users], purpose, n)

    def _chance_to_examine(self, look: Look, n: int | None = None) -> NDArray[np.float64]:
        return self.chance(look.users, Purpose.EXAMINED, n or look.places.shape[1])

    def _chance_to_click(self, look: Look, n: int | None = None) -> NDArray[np.float64]:
        return self.chance(look.users, Purpose.CLICKED, n or look.places.shape[1])

    def _chance_of_enough(self, look: Look) -> NDArray[np.float64]:
        return self.chance(look.users, Purpose.ENOUGH, look.places.shape[1])

    def _look(self, slates: NDArray[np.int64], users: NDArray[np.int64] | None) -> Look:
        who = self._all if users is None else np.asarray(users, np.int64)
        slates = np.asarray(slates, np.int64)
        if slates.ndim != 2 or len(slates) != len(who):
            raise ValueError(f"slates of shape {slates.shape} for {len(who)} users")
        if slates.size and not -1 <= slates.min() <= slates.max() < self.n_items:
            raise ValueError(f"places are 0 to {self.n_items - 1}, or -1 for none")
        ordered = np.sort(slates, axis=1)
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
            raise ValueError("a list has an item twice")
        there = (slates >= 0) & self._here[who, None]
        places = np.maximum(slates, 0)
        match = np.einsum("bd,bkd->bk", self._tastes[who], self.wares.vectors[places])
        return Look(
            users=who,
            here=self._here[who],
            places=places,
            there=there,
            match=match,
            lure=self.wares.lures[places],
            joy=np.tanh(1.2 * match + self.wares.qualities[places]),
            dear=self.wares.log_prices[places] - self._levels[who, None],
            tired=np.log1p(self._tired[who[:, None], self.wares.kinds[places]]),
            again=self._bought.before(who, places),
        )

    def _remember(
        self,
        look: Look,
        examined: NDArray[np.bool_],
        clicks: NDArray[np.bool_],
        purchases: NDArray[np.bool_],
        dwell_s: NDArray[np.float64],
    ) -> None:
        """Tiredness, drift, purchases, dwell: what every model's users take with them."""
        who, habits = look.users[look.here], self.habits
        self._tired[who] *= habits.fades
        rows, ranks = np.nonzero(examined)
        np.add.at(self._tired, (look.users[rows], self.wares.kinds[look.places[rows, ranks]]), 1.0)
        enjoyed = np.where(clicks, np.maximum(look.joy, 0.0), 0.0)
        pull = np.einsum("bk,bkd->bd", enjoyed, self.wares.vectors[look.places])[look.here]
        wander = unit(ndtri(self.chance(who, Purpose.WANDERS, DIM)))
        self._tastes[who] = unit(self._tastes[who] + habits.drift * wander + habits.follow * pull)
        rows, ranks = np.nonzero(purchases)
        self._bought.add(look.users[rows], look.places[rows, ranks])
        self._last_dwell[who] = dwell_s.sum(axis=1)[look.here]
