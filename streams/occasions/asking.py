"""A shop as it was, and what was asked of it: a policy's lists, and what they were worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from index import Snapshot
from scoring import Policy, QueryVectors, Recommender, RelatedItems, Rules, Slate
from scoring.by_user import Estimate, mean_by_user
from scoring.exposure import counts_of, gini, is_tail
from scoring.list_measures import differences, gains, shares
from scoring.shop_counts import ShopCounts
from scoring.user_groups import by_familiarity, by_label
from streams.occasions.occasion import GOALS, Occasion
from streams.shop_counting import Counted

if TYPE_CHECKING:
    from scoring.ranker.ranker import Ranker

MEASURES: Final = (*GOALS, "unlike", "tail")
"""Figures of a list: nDCG of each goal, unlikeness of its items, its share of unpopular ones."""

_BATCH: Final = 64
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a policy would have published.

    Attributes:
        values: Measure -> (n,) figure of each occasion's list, nan where it says nothing.
        counts: (N,) how often each item is in a list.
        policy_version: As each list would have it.
    """

    values: Mapping[str, NDArray[np.float64]]
    counts: NDArray[np.int64]
    policy_version: str

    def mean(self, measure: str) -> float:
        """Over the occasions that say something; 0 where none does."""
        found = self.values[measure]
        return 0.0 if np.isnan(found).all() else float(np.nanmean(found))

    @property
    def shown(self) -> float:
        """Share of the shop's items that are in any list."""
        return float((self.counts > 0).mean())

    @property
    def gini(self) -> float:
        """How unevenly lists spread over the shop's items."""
        return gini(self.counts)


class Hindsight:
    """Answers the same occasions under one policy after the other, with the product's own ranking.

    Attributes:
        occasions: n of them.
        users: (n) whose.
        index_version: Of the shop.
        rules_version: None = there are none.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        occasions: Sequence[Occasion],
        *,
        queries: QueryVectors | None = None,
        rules: Rules | None = None,
        related: RelatedItems | None = None,
        ranker: Ranker | None = None,
        counted: Sequence[Counted] | None = None,
    ) -> None:
        """Put together what stays the same.

        Args:
            snapshot: With the popularity of that time.
            occasions: At least one.
            queries: The encoder, where any of them is a search.
            rules: Of a file.
            related: What goes together, counted from before that time.
            ranker: Learned from before that time; None = the documented sum orders lists.
            counted: Events in the order of time, for counts of the shop as they were at each list;
                None = there are none.
        """
        self.occasions = occasions
        self.users = [each.request.user_id for each in occasions]
        self.index_version = snapshot.version
        self.rules_version = None if rules is None else rules.version
        self._snapshot = snapshot
        self._queries = queries
        self._rules = rules
        self._related = related
        self._ranker = ranker
        self._counted = counted
        self._wanted = {
            goal: [each.wanted.get(goal, frozenset()) for each in occasions] for goal in GOALS
        }
        self._tail = is_tail(snapshot.catalogue.popularity)

    def measures(self) -> list[str]:
        """Those that these occasions say something about."""
        return [name for name in MEASURES if name not in GOALS or any(self._wanted[name])]

    def groups(self) -> dict[str, list[int]]:
        """Name of a group of users -> its occasions; countries of few occasions are one group."""
        known = by_familiarity([each.n_before for each in self.occasions])
        return known | by_label([each.country for each in self.occasions], "other countries")

    def estimate(self, listed: Listed, measure: str, rows: Sequence[int] | None = None) -> Estimate:
        """A mean with its interval over users; of some occasions, or of all."""
        some = range(len(self.users)) if rows is None else rows
        values = listed.values[measure][list(some)]
        return mean_by_user(values, [self.users[row] for row in some])

    def gain(self, one: Listed, other: Listed, measure: str) -> Estimate:
        """How much better one is than the other, list by list."""
        return mean_by_user(one.values[measure] - other.values[measure], self.users)

    def ask(self, policy: Policy, progress: Progress = lambda done, total: None) -> Listed:
        """The lists of a policy, measured."""
        shop = None if self._counted is None else ShopCounts()
        ranking = Recommender(
            self._snapshot,
            self._queries,
            policy=policy,
            rules=self._rules,
            related=self._related,
            ranker=self._ranker,
            shop=shop,
        )
        slates: list[Slate] = []
        total = len(self.occasions)
        n_counted = 0
        for start in range(0, total, _BATCH):
            requests = [each.request for each in self.occasions[start : start + _BATCH]]
            if shop is not None:
                n_counted = self._count(shop, n_counted, requests[0].at_ms)
            slates += ranking.recommend(requests)
            progress(len(slates), total)
        return self._measured(slates, ranking, policy.slate_size)

    def _count(self, shop: ShopCounts, start: int, until_ms: int) -> int:
        """Count the events before a moment; returns how many are counted by then."""
        events = self._counted or ()
        while start < len(events) and events[start].at_ms < until_ms:
            events[start].add_to(shop)
            start += 1
        return start

    def _measured(self, slates: Sequence[Slate], ranking: Recommender, size: int) -> Listed:
        ids = [[item.item_id for item in slate.items] for slate in slates]
        places = [ranking.catalogue.positions(each) for each in ids]
        values = {goal: gains(ids, wanted, size) for goal, wanted in self._wanted.items()}
        values["unlike"] = differences(places, self._snapshot.gather)
        values["tail"] = shares(places, self._tail)
        counts = counts_of(places, len(self._snapshot))
        return Listed(values, counts, ranking.policy_version)
