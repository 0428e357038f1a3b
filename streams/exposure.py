"""Published lists -> who is shown: by policy, by popularity, by category, by brand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.by_user import Estimate, mean_by_user
from scoring.exposure import gini, is_tail
from streams.outputs import Recommendation

FIFTHS: Final = ("most popular fifth", "second", "third", "fourth", "least popular fifth")

Kind = Literal["popularity", "category", "brand"]


@dataclass(slots=True)
class _Policy:
    """Lists of one policy."""

    counts: NDArray[np.float64]
    attention: NDArray[np.float64]
    users: list[str] = field(default_factory=list)
    tail: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Spread:
    """How the lists of one policy spread over the shop.

    Attributes:
        policy_version: As the lists have it.
        n_lists: How many there are.
        tail: Share of a list outside the most popular fifth, with its interval over users.
        shown: Share of the shop's items that are in any list.
        gini: Of the number of lists that each item is in.
    """

    policy_version: str
    n_lists: int
    tail: Estimate
    shown: float
    gini: float


@dataclass(frozen=True, slots=True)
class Share:
    """What one group of items has, each a share of the whole.

    Attributes:
        group: Its name.
        items: Of the shop's items in stock.
        sales: Of the index's popularity; nan where it knows none.
        lists: Of the places of all lists.
        attention: The same with rank r counted 1 / log2(r + 1): what stands higher is looked at
            more (Singh & Joachims, KDD 2018, use this for exposure).
    """

    group: str
    items: float
    sales: float
    lists: float
    attention: float


class Exposure:
    """Takes lists one after the other; a list that was published twice counts once.

    Attributes:
        knows_sales: Whether the index has a popularity: else fifths and tail are by its order.
        n_unknown: Places of items that the index does not have.
        n_twice: Lists that were published twice.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        """Nothing was read yet."""
        self.knows_sales = bool(catalogue.popularity.any())
        self.n_unknown = 0
        self.n_twice = 0
        self._catalogue = catalogue
        self._tail = is_tail(catalogue.popularity)
        self._policies: dict[str, _Policy] = {}
        self._seen: set[str] = set()

    def take(self, made: Recommendation) -> None:
        """One list."""
        if made.recommendation_id in self._seen:
            self.n_twice += 1
            return
        self._seen.add(made.recommendation_id)
        n = len(self._catalogue)
        name = made.policy_version or "unknown"
        policy = self._policies.get(name)
        if policy is None:
            policy = self._policies[name] = _Policy(np.zeros(n), np.zeros(n))
        positions = self._catalogue.positions([item.item_id for item in made.items])
        ranks = np.array([item.rank for item in made.items], np.float64)
        known = positions >= 0
        self.n_unknown += int((~known).sum())
        if not known.any():
            return
        np.add.at(policy.counts, positions[known], 1)
        np.add.at(policy.attention, positions[known], 1 / np.log2(ranks[known] + 1))
        policy.users.append(made.user_id)
        policy.tail.append(float(self._tail[positions[known]].mean()))

    def spreads(self) -> list[Spread]:
        """Of each policy, the one with most lists first."""
        found = [
            Spread(
                name,
                len(each.users),
                mean_by_user(each.tail, each.users),
                float((each.counts > 0).mean()),
                gini(each.counts),
            )
            for name, each in self._policies.items()
        ]
        return sorted(found, key=lambda spread: -spread.n_lists)

    def shares(self, kind: Kind) -> list[Share]:
        """Of all lists, the group with most places first; popularity from its head on."""
        names, codes = self._groups(kind)
        stock = self._catalogue.in_stock.astype(np.float64)
        zeros = np.zeros(len(self._catalogue))
        counts = sum((each.counts for each in self._policies.values()), zeros)
        attention = sum((each.attention for each in self._policies.values()), zeros)
        columns = [
            _share(codes, each, len(names))
            for each in (stock, self._catalogue.popularity, counts, attention)
        ]
        found = [
            Share(name, *(float(column[at]) for column in columns)) for at, name in enumerate(names)
        ]
        return found if kind == "popularity" else sorted(found, key=lambda share: -share.lists)

    def _groups(self, kind: Kind) -> tuple[Sequence[str], NDArray[np.int64]]:
        catalogue = self._catalogue
        if kind == "popularity":
            order = np.argsort(-catalogue.popularity, kind="stable")
            codes = np.empty(len(order), np.int64)
            codes[order] = np.arange(len(order)) * len(FIFTHS) // max(len(order), 1)
            return FIFTHS, codes
        if kind == "category":
            names, found = catalogue.category_names, catalogue.category_codes
        else:
            names, found = catalogue.brand_names, catalogue.brand_codes
        return [*names, f"no {kind}"], np.where(found < 0, len(names), found).astype(np.int64)


def _share(
    codes: NDArray[np.int64], values: NDArray[np.floating], n_groups: int
) -> NDArray[np.float64]:
    sums = np.bincount(codes, values, n_groups)
    total = sums.sum()
    return sums / total if total else np.full(n_groups, np.nan)
