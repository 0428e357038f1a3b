"""A simulated slate bandit whose truth is known: few contexts, so all lists can be gone through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.decided import Decided
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.field import Drawn, Field
from scoring.slates.following import following

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SlateBandit:
    """Lists of K of C items in X contexts.

    A reader looks from the top; an item is clicked with a probability that only partly follows its
    score. After a click the reader stays with probability `stays`, after none nearly always:
    1 = what stands above does not matter.
    """

    n_items: int = 5
    n_ranks: int = 3
    n_contexts: int = 200
    stays: float = 0.3
    attraction: float = 0.15
    seed: int = 1

    @property
    def world(self) -> tuple[Floats, Floats]:
        """(X, C) scores and (X, C) probabilities of a click of who looks."""
        rng = np.random.default_rng(self.seed)
        scores = rng.normal(0, 0.15, (self.n_contexts, self.n_items))
        odds = np.log(self.attraction / (1 - self.attraction)) + 4 * scores
        odds += rng.normal(0, 0.5, scores.shape)
        return scores, 1 / (1 + np.exp(-odds))

    def expected(self, contexts: NDArray[np.int64], places: NDArray[np.int64]) -> Floats:
        """(n, K) expected clicks of each rank."""
        attractive = np.take_along_axis(self.world[1][contexts], places, axis=1)
        found, looks = np.zeros(places.shape), np.ones(len(places))
        for rank in range(places.shape[1]):
            found[:, rank] = looks * attractive[:, rank]
            looks = looks * (1 - attractive[:, rank] * (1 - self.stays))
        return found

    def log(
        self, n: int, drawing: Drawing, seed: int, users: int | None = None
    ) -> tuple[LoggedLists, list[Decided]]:
        """Lists drawn and shown, and the batches that they are followed in."""
        rng = np.random.default_rng([self.seed, seed])
        contexts = rng.integers(0, self.n_contexts, n)
        scores, attractive = self.world
        field = Field(scores[contexts], np.ones((n, self.n_items), np.bool_))
        ids = [f"{seed}:{at}" for at in range(n)]
        drawn = draw(field, drawing, uniforms(ids, self.n_ranks))
        clicks, looks = np.zeros(drawn.places.shape), np.ones(n, np.bool_)
        taken = np.take_along_axis(attractive[contexts], drawn.places, axis=1)
        for rank in range(self.n_ranks):
            hit = looks & (rng.random(n) < taken[:, rank])
            clicks[:, rank] = hit
            looks &= ~hit | (rng.random(n) < self.stays)
        lists = LoggedLists(
            ids=np.array(ids, object),
            users=(rng.integers(0, users, n) if users else np.arange(n)).astype(str).astype(object),
            items=drawn.places.astype(str).astype(object),
            there=drawn.exists,
            propensities=drawn.propensities,
            rewards=clicks,
            simulated=True,
        )
        parts = np.array_split(np.arange(n), max(n // 2_000, 1))
        return lists, [_batch(rows, lists.ids, field, drawing, drawn) for rows in parts]

    def truth(self, drawing: Drawing, **scored: Any) -> float:
        """Clicks a list under a policy, by all lists in all contexts."""
        contexts = np.arange(self.n_contexts)
        scores = scored.get("scores", self.world[0])
        field = Field(scores, np.ones(scores.shape, np.bool_))
        total = 0.0
        for items in permutations(range(self.n_items), self.n_ranks):
            places = np.tile(items, (self.n_contexts, 1))
            ones = np.ones(places.shape)
            lists = Drawn(places, ones > 0, ones, ones < 0, {})
            chance = np.ones(self.n_contexts)
            for rank, p in enumerate(following(field, drawing, lists)):
                chance *= p[contexts, places[:, rank]]
            total += float(chance @ self.expected(contexts, places).sum(axis=1))
        return total / self.n_contexts


def _batch(
    rows: NDArray[np.int64], ids: NDArray[np.object_], field: Field, drawing: Drawing, drawn: Drawn
) -> Decided:
    some = replace(field, scores=field.scores[rows], there=field.there[rows])
    lists = Drawn(
        drawn.places[rows], drawn.exists[rows], drawn.propensities[rows], drawn.pinned[rows], {}
    )
    items = [tuple(map(str, range(field.scores.shape[1])))] * len(rows)
    return Decided(rows, ids[rows].tolist(), items, some, drawing, lists)
