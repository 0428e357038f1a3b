"""A ranker in service: its source of candidates, its heads, and the columns of a decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change
from scoring.candidates import Pool
from scoring.interests import SEARCH, Interests
from scoring.policy import LEARNED_TERMS, PREDICTED, Policy
from scoring.ranker.heads import Heads
from scoring.ranker.ranker import Ranker, require_columns
from scoring.ranker.source import Asked, RankerSource
from scoring.ranking import Scored
from scoring.shop_columns import ShopColumns

MOST_WORTH: Final = np.float32(1e3)
"""Of a value, either way: with the largest weight of a policy, a score that records can hold."""


@dataclass(frozen=True, slots=True)
class Chances:
    """What heads say of M candidates.

    Attributes:
        features: (F, M) raw columns that they read.
        values: (4, M) chances and values, by `PREDICTED`; nan where there is no such head.
    """

    features: NDArray[np.float32]
    values: NDArray[np.float32]


class LearnedRanking:
    """For one thread; heads may be others between two batches.

    Attributes:
        source: Brings candidates and columns.
        heads: What scores now.
    """

    def __init__(self, ranker: Ranker, catalogue: Catalogue) -> None:
        """Find the ranker's items in a catalogue."""
        self.source = RankerSource(ranker.knowledge, catalogue)
        self._catalogue = catalogue
        require_columns(ranker.heads)
        self.heads = ranker.heads
        self._codes = self.heads.codes(catalogue.ids)

    def take(self, heads: Heads) -> None:
        """Score with these from the next batch on, where the former ones did.

        Raises:
            RankerError: They read other columns; the former ones stay.
        """
        require_columns(heads)
        if heads.network.n_codes != self.heads.network.n_codes:  # a microsecond an item
            self._codes = heads.codes(self._catalogue.ids)
        self.heads = heads.on(self.heads.served.device)

    def follow(self, change: Change) -> None:
        """Take over what an upsert or a deletion in the live index has changed."""
        self.source.follow(change)
        if change.after is not None:
            at = change.after.position
            if at >= len(self._codes):
                grown = np.zeros(max(at + 1, 2 * len(self._codes)), np.int64)
                grown[: len(self._codes)] = self._codes
                self._codes = grown
            self._codes[at] = self.heads.codes([self._catalogue.ids[at]])[0]

    def chances(
        self,
        asked: Asked,
        pool: Pool,
        cosines: NDArray[np.float32],
        interests: Interests,
        shop: ShopColumns,
    ) -> Chances:
        """Columns and chances of every candidate; arguments as of `RankerSource.features`."""
        features = self.source.features(asked, pool, cosines, interests, shop)
        values = np.full((len(PREDICTED), len(pool.pairs)), np.nan, np.float32)
        if len(pool.pairs):
            found = self.heads.score(features.T, self._codes[pool.positions])  # (M, T)
            for task, column in zip(self.heads.tasks, found.T, strict=True):
                if task in PREDICTED:
                    values[PREDICTED.index(task)] = column
        return Chances(features, values)


def weighted(
    scored: Scored, chances: Chances, search_hits: NDArray[np.bool_], pool: Pool, policy: Policy
) -> Scored:
    """The same cosines; terms and totals are those of the learned sum.

    ``Σ weight_task · (chance or value) + weight_relevance · cosine to the search``; a task without
    a head adds nothing, and so does a search without a hit. A value, which nothing else bounds,
    says no more beyond `MOST_WORTH`.
    """
    weights = np.array([getattr(policy, f"weight_{task}") for task in PREDICTED], np.float32)
    terms = np.empty((len(LEARNED_TERMS), len(pool.pairs)), np.float32)
    values = np.clip(np.nan_to_num(chances.values, nan=0.0), -MOST_WORTH, MOST_WORTH)
    np.multiply(values, weights[:, None], out=terms[:-1])
    says = search_hits[pool.users].astype(np.float32) * np.float32(policy.weight_relevance)
    np.multiply(scored.cosines[SEARCH], says, out=terms[-1])
    return replace(scored, terms=terms, totals=terms.sum(axis=0))
