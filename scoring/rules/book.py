"""The rules of a file, worked out for one catalogue: a column for what holds for every user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change
from scoring.history import item_digest
from scoring.policy import DAY_MS
from scoring.rules.blocked_words import BlockedWords
from scoring.rules.names import Rule
from scoring.rules.rule_file import Rules

_T = TypeVar("_T", bound=np.generic)

NO_RULES: Final = Rules()


class RuleBook:
    """Rules and a catalogue, whose changes it follows; for one thread.

    Attributes:
        rules: As the file has them.
        blocked: (N,) the `Rule` that takes an item out of every list, 0 = none; None where no rule
            does. Longer than the catalogue where its columns are.
        buy_again_ms: (N,) how long an item that was bought is left out; None = no such rule.
        recurs: (N,) whether the file gives the item, or its category, a cycle of its own; empty
            where it says nothing of what was bought.
        digests: (N,) `history.item_digest` of each item; None where no rule asks.
    """

    def __init__(self, rules: Rules, catalogue: Catalogue) -> None:
        """Look at every item once: a second for 100,000 with words, however many, less without."""
        self.rules = rules
        self._catalogue = catalogue
        self._items = frozenset(rules.block.items)
        self._categories = frozenset(rules.block.categories)
        self._brands = frozenset(rules.block.brands)
        self._words = BlockedWords(rules.block.words)
        bounds = (rules.price.min, rules.price.max)
        self._longest = rules.block.title_words
        named = self._items or self._categories or self._brands or self._words
        blocks = bool(named) or self._longest is not None
        self.blocked: NDArray[np.uint8] | None = None
        self.buy_again_ms: NDArray[np.float64] | None = None
        self.recurs = np.zeros(0 if rules.bought is None else len(catalogue.prices), np.bool_)
        self.digests: NDArray[np.int64] | None = None
        rows = range(len(catalogue))
        if rules.seen is not None:
            self.digests = np.zeros(len(catalogue.prices), np.int64)
            self._set_digests(self.digests, rows)
        if blocks or bounds != (None, None):
            self.blocked = np.zeros(len(catalogue.prices), np.uint8)
            self._mark(self.blocked, rows)
        if rules.bought is not None:
            self.buy_again_ms = np.full(len(catalogue.prices), rules.bought.days * DAY_MS)
            if rules.bought.cycle_days.items or rules.bought.cycle_days.categories:
                self._set_cycles(self.buy_again_ms, rows)

    def lets(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) True for items that no rule takes out of every list."""
        if self.blocked is None:
            return np.ones(len(positions), np.bool_)
        allowed: NDArray[np.bool_] = self.blocked[positions] == 0
        return allowed

    def follow(self, change: Change) -> None:
        """Take over one change of the catalogue."""
        if change.after is None:
            return
        length = len(self._catalogue.prices)
        if self.blocked is not None:
            self.blocked = _longer(self.blocked, length)
            self._mark(self.blocked, [change.after.position])
        if self.buy_again_ms is not None:
            self.buy_again_ms = _longer(self.buy_again_ms, length)
            self.recurs = _longer(self.recurs, length)
            self._set_cycles(self.buy_again_ms, [change.after.position])
        if self.digests is not None:
            self.digests = _longer(self.digests, length)
            self._set_digests(self.digests, [change.after.position])

    def _set_digests(self, digests: NDArray[np.int64], rows: Iterable[int]) -> None:
        for row in rows:
            digests[row] = item_digest(self._catalogue.ids[row])

    def _mark(self, blocked: NDArray[np.uint8], rows: Sequence[int]) -> None:
        catalogue = self._catalogue
        low, high = self.rules.price.min, self.rules.price.max
        for row in rows:
            why = Rule.NONE
            if catalogue.ids[row] in self._items:
                why = Rule.BLOCKED_ITEM
            elif catalogue.categories[row] in self._categories:
                why = Rule.BLOCKED_CATEGORY
            elif catalogue.brands[row] in self._brands:
                why = Rule.BLOCKED_BRAND
            elif self._words and self._words.are_in(catalogue.titles[row]):
                why = Rule.BLOCKED_WORD
            elif self._longest is not None and len(catalogue.titles[row].split()) > self._longest:
                why = Rule.BLOCKED_LENGTH
            blocked[row] = why
        marked = np.asarray(rows, np.int64)
        prices = catalogue.prices[marked]
        outside = np.zeros(len(marked), np.bool_)
        if low is not None:
            outside |= ~(prices >= np.float32(low))  # an unknown price, nan, is outside
        if high is not None:
            outside |= ~(prices <= np.float32(high))
        outside &= blocked[marked] == 0
        blocked[marked[outside]] = Rule.PRICE

    def _set_cycles(self, again_ms: NDArray[np.float64], rows: Iterable[int]) -> None:
        bought, catalogue = self.rules.bought, self._catalogue
        if bought is None:
            return
        items, categories = bought.cycle_days.items, bought.cycle_days.categories
        for row in rows:
            days = items.get(catalogue.ids[row], categories.get(catalogue.categories[row] or ""))
            self.recurs[row] = days is not None
            again_ms[row] = (bought.days if days is None else days) * DAY_MS


def _longer(column: NDArray[_T], length: int) -> NDArray[_T]:
    if len(column) >= length:
        return column
    return np.concatenate([column, np.zeros(length - len(column), column.dtype)])
