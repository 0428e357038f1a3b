"""The best candidates of a search in the order of a cross-encoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.candidates import Pool
from scoring.interests import SEARCH
from scoring.ranking import Scored
from scoring.slate import Request

_REMEMBERED: Final = 100_000


class PairScorer(Protocol):
    """Reads a query and titles together; `reranker.Reranker` is one."""

    @property
    def version(self) -> str:
        """Names the model."""

    def scores(self, query: str, titles: Sequence[str]) -> NDArray[np.float32]:
        """How well each title answers the query: (n,), on any scale."""


class SearchOrder:
    """Deals the cosines of a search out anew: the largest to the item that answers it best.

    So a search weighs in a list what it weighed before, and only who gets how much of it changes;
    scores of the cross-encoder need no scale in common with cosines. For one thread at a time.
    """

    def __init__(self, scorer: PairScorer, catalogue: Catalogue, n: int) -> None:
        """Begin with nothing remembered.

        Args:
            scorer: The cross-encoder.
            catalogue: Has the titles.
            n: So many candidates of a search, the best of it by all terms, are read.
        """
        self._scorer = scorer
        self._catalogue = catalogue
        self._n = n
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()

    def of(
        self,
        requests: Sequence[Request],
        pool: Pool,
        told: Scored,
        search_hits: NDArray[np.bool_],
    ) -> Scored:
        """The same pairs with the search's cosines, terms and totals of the best dealt out anew.

        Args:
            requests: Of B users.
            pool: M pairs of them.
            told: Their scores.
            search_hits: (B,) only these searches have candidates of their own.
        """
        cosines, terms = told.cosines.copy(), told.terms.copy()
        for user, (start, end) in enumerate(pairwise(pool.starts.tolist())):
            query = requests[user].query
            if query is None or not search_hits[user] or end - start < 2:
                continue
            order = np.argsort(-told.totals[start:end], kind="stable")[: self._n]
            places = start + np.sort(order)
            titles = [self._catalogue.titles[p] for p in pool.positions[places].tolist()]
            best = places[np.argsort(-self._scores(query, titles), kind="stable")]
            for values in (cosines[SEARCH], terms[SEARCH]):
                values[best] = np.sort(values[places])[::-1]
        return replace(told, cosines=cosines, terms=terms, totals=terms.sum(axis=0))

    def _scores(self, query: str, titles: Sequence[str]) -> NDArray[np.float32]:
        """Pairs that were read lately are not read again: the same search comes often."""
        plain = " ".join(query.split())
        new = [title for title in dict.fromkeys(titles) if (plain, title) not in self._known]
        if new:
            found = self._scorer.scores(plain, new).tolist()
            self._known.update(zip(((plain, title) for title in new), found, strict=True))
        scores = np.array([self._known[plain, title] for title in titles], np.float32)
        for title in titles:
            self._known.move_to_end((plain, title))
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return scores
