"""Which pairs of user and item may not be in a list, and the rule that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.policy import Policy
from scoring.purchases import Purchases
from scoring.rings import Rings
from scoring.rules.book import RuleBook
from scoring.rules.names import Rule
from scoring.rules.pairs import POSITION_MASK, USER_SHIFT, pairs_of, places_in
from scoring.rules.shown import shown_too_often
from scoring.slate import Request


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What the rules take out of the lists of B users.

    Attributes:
        pairs: (m,) of single users, sorted, without repeats.
        rules: (m,) the `Rule` behind each.
        blocked: (N,) the `Rule` that takes an item out of every list, 0 = none; None = no item.
        n_users: B.
        seen: (s,) sorted pairs of user and `history.item_digest` that were shown too often.
        digests: (N,) of the items; None where nothing was.
    """

    pairs: NDArray[np.int64]
    rules: NDArray[np.uint8]
    blocked: NDArray[np.uint8] | None
    n_users: int
    seen: NDArray[np.int64]
    digests: NDArray[np.int64] | None

    @property
    def counts(self) -> NDArray[np.int64]:
        """(B,) pairs that are struck for each user."""
        every = np.concatenate([self.pairs, self.seen]) if len(self.seen) else self.pairs
        return np.bincount(every >> USER_SHIFT, minlength=self.n_users)

    def strike(
        self, pairs: NDArray[np.int64], catalogue: Catalogue
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of these pairs may be in a list, and what each rule took out.

        Args:
            pairs: (n,) sorted, without repeats.
            catalogue: Knows the stock.

        Returns:
            (n,) bool, and (B, rules) counts of struck pairs.
        """
        positions = pairs & POSITION_MASK
        may: NDArray[np.bool_] = catalogue.in_stock[positions]
        why = np.ones(len(pairs), np.uint8)  # Rule.STOCK
        if self.blocked is not None:
            blocked = self.blocked[positions]
            np.copyto(why, blocked, where=may)
            may &= blocked == 0
        if len(self.seen) and self.digests is not None:
            shown = pairs_of(pairs >> USER_SHIFT, self.digests[positions])
            _, often = places_in(self.seen, shown)
            np.copyto(why, np.uint8(Rule.SEEN), where=often & catalogue.in_stock[positions])
            may &= ~often
        if len(self.pairs) and len(pairs):
            at, there = places_in(pairs, self.pairs)
            at, rules = at[there], self.rules[there]
            # A user's own rules are counted before those that hold for all, stock excepted.
            own = catalogue.in_stock[positions[at]]
            why[at[own]] = rules[own]
            may[at] = False
        out = np.flatnonzero(~may)
        if not len(out):
            return may, np.zeros((self.n_users, len(Rule)), np.int64)
        cells = (pairs[out] >> USER_SHIFT) * len(Rule) + why[out]
        counts = np.bincount(cells, minlength=self.n_users * len(Rule))
        return may, counts.reshape(self.n_users, len(Rule))


def forbidden_pairs(
    requests: Sequence[Request],
    rings: Rings,
    purchases: Purchases,
    catalogue: Catalogue,
    policy: Policy,
    book: RuleBook | None = None,
) -> Forbidden:
    """What the requests, the policy and the rules of a file rule out.

    Stock is not among the pairs: it is a column of the catalogue, see `Forbidden.strike`.
    """
    bought = ~purchases.returned
    again_ms = None if book is None else book.buy_again_ms
    if again_ms is not None:
        bought &= purchases.ages_ms < again_ms[purchases.positions]
    else:
        bought &= policy.exclude_bought & (purchases.ages_ms < policy.bought_window_ms)
    just_seen = rings.ages_ms < policy.just_seen_window_ms
    struck = [
        (_asked(requests, catalogue), Rule.ASKED),
        (pairs_of(rings.owners[just_seen], rings.positions[just_seen]), Rule.JUST_SEEN),
        (pairs_of(purchases.owners[bought], purchases.positions[bought]), Rule.BOUGHT),
    ]
    pairs, rules = _first_said([said for said in struck if len(said[0])])
    blocked = None if book is None else book.blocked
    seen, digests = np.empty(0, np.int64), None
    if book is not None and book.rules.seen is not None:
        seen, digests = shown_too_often(requests, book.rules.seen), book.digests
    return Forbidden(pairs, rules, blocked, len(requests), seen, digests)


def _first_said(
    struck: list[tuple[NDArray[np.int64], Rule]],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Sorted pairs without repeats, each with the first rule that names it."""
    if not struck:
        return np.empty(0, np.int64), np.empty(0, np.uint8)
    if len(struck) == 1:  # as a rule: what was touched just now
        only, rule = struck[0]
        pairs = np.unique(only)
        return pairs, np.full(len(pairs), rule, np.uint8)
    rules = np.repeat(
        np.array([rule for _, rule in struck], np.uint8), [len(pairs) for pairs, _ in struck]
    )
    pairs, first = np.unique(np.concatenate([pairs for pairs, _ in struck]), return_index=True)
    return pairs, rules[first]


def _asked(requests: Sequence[Request], catalogue: Catalogue) -> NDArray[np.int64]:
    """Pairs that requests exclude."""
    asked = [(user, item) for user, request in enumerate(requests) for item in request.exclude]
    if not asked:
        return np.empty(0, np.int64)
    users, item_ids = zip(*asked, strict=True)
    positions = catalogue.positions(item_ids)
    known = positions >= 0
    return pairs_of(np.array(users, np.int64)[known], positions[known])
