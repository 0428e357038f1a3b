"""Lists to learn from: candidates of past moments, their columns, and what was done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.gathered import Gathered
from scoring.rules.pairs import pairs_of, places_in
from scoring.slate import Request

OTHERS: Final = 200
"""Of a list's candidates that were not wanted, so many are kept to learn from."""


@dataclass(frozen=True, slots=True)
class Question:
    """A past moment at which a list could have been made, and what was bought after it.

    Attributes:
        request: With the history up to then.
        wanted: What was bought in the visit.
        given: What of the visit was known; empty = it had just begun.
        had: What the user had bought before.
        n_before: Baskets that they had bought before.
    """

    request: Request
    wanted: frozenset[str]
    given: frozenset[str]
    had: frozenset[str]
    n_before: int


@dataclass(frozen=True, slots=True)
class Lists:
    """G lists of M candidates in all.

    Attributes:
        features: (M, F) float16, raw, see `features.FEATURES`.
        wanted: (M,) True where it was bought.
        new: (M,) True where the user had not bought it before.
        weights: (M,) how many candidates each stands for.
        starts: (G + 1,) list g has the candidates starts[g] to starts[g + 1].
        counts: (4, G) items wanted, candidates or not; those of them that were new; baskets that
            the user had bought before; items given.
        regions: (G,) where the users were; None = not known.
    """

    features: NDArray[np.float16]
    wanted: NDArray[np.bool_]
    new: NDArray[np.bool_]
    weights: NDArray[np.float32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    regions: tuple[str | None, ...]

    def __len__(self) -> int:
        """G."""
        return len(self.starts) - 1

    @classmethod
    def joined(cls, parts: Sequence[Lists]) -> Lists:
        """One after the other.

        Args:
            parts: One or more.
        """
        lengths = np.concatenate([np.diff(part.starts) for part in parts])
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.wanted for part in parts]),
            np.concatenate([part.new for part in parts]),
            np.concatenate([part.weights for part in parts]),
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([part.counts for part in parts], axis=1),
            tuple(chain.from_iterable(part.regions for part in parts)),
        )

    def some(self, chosen: NDArray[np.bool_]) -> Lists:
        """Those lists g for which (G,) chosen is True."""
        rows = np.repeat(chosen, np.diff(self.starts))
        return self._kept(rows, self.weights, np.diff(self.starts)[chosen], chosen)

    def thinned(self, rng: np.random.Generator) -> Lists:
        """With about `OTHERS` of the candidates that were not wanted, each standing for several."""
        lists = np.repeat(np.arange(len(self)), np.diff(self.starts))
        n_others = np.bincount(lists[~self.wanted], minlength=len(self))
        chance = np.minimum(OTHERS / np.maximum(n_others, 1), 1.0)[lists]
        rows = self.wanted | (rng.random(len(lists)) < chance)
        weights = np.where(self.wanted, self.weights, self.weights / chance).astype(np.float32)
        lengths = np.bincount(lists[rows], minlength=len(self))
        return self._kept(rows, weights, lengths, np.ones(len(self), np.bool_))

    def _kept(
        self,
        rows: NDArray[np.bool_],
        weights: NDArray[np.float32],
        lengths: NDArray[np.int64],
        lists: NDArray[np.bool_],
    ) -> Lists:
        return Lists(
            self.features[rows],
            self.wanted[rows],
            self.new[rows],
            weights[rows],
            np.concatenate([[0], np.cumsum(lengths)]),
            self.counts[:, lists],
            tuple(compress(self.regions, lists)),
        )


def lists_of(
    questions: Sequence[Question],
    gathered: Gathered,
    catalogue: Catalogue,
) -> Lists:
    """What a recommender with a ranker gathered for these questions.

    Args:
        questions: One or more.
        gathered: By `Recommender.gather`, of their requests.
        catalogue: Of the recommender.
    """
    pool = gathered.pool
    wanted = _among(pool.pairs, [question.wanted for question in questions], catalogue)
    new = ~_among(pool.pairs, [question.had for question in questions], catalogue)
    if gathered.chances is None:
        raise ValueError("candidates were gathered without a ranker: they have no columns")
    counts = [
        (len(each.wanted), len(each.wanted - each.had), each.n_before, len(each.given))
        for each in questions
    ]
    return Lists(
        gathered.chances.features.T.astype(np.float16),
        wanted,
        new,
        np.ones(len(pool.pairs), np.float32),
        pool.starts,
        np.array(counts, np.int64).T,
        tuple(each.request.region for each in questions),
    )


def _among(
    pairs: NDArray[np.int64], items: Sequence[frozenset[str]], catalogue: Catalogue
) -> NDArray[np.bool_]:
    """(M,) True where the item of a pair is among its user's."""
    found = np.zeros(len(pairs), np.bool_)
    named = [(user, item) for user, each in enumerate(items) for item in each]
    if named and len(pairs):
        users, item_ids = zip(*named, strict=True)
        positions = catalogue.positions(list(item_ids))
        known = positions >= 0
        at, there = places_in(pairs, pairs_of(np.array(users)[known], positions[known]))
        found[at[there]] = True
    return found
