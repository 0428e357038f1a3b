"""Events replayed through rows and counts, as workers do; questions at the beginnings of baskets.

The rows are `UserRow`s, the counts a `ShopCounts`: a ranker learns from what its servers see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from index import Catalogue
from scoring import Request
from scoring.ranker.lists import Question
from scoring.shop_counts import ShopCounts
from streams.baskets.baskets import Basket
from streams.events import Click, Search
from streams.past_rows import PastRows, known_in
from streams.row import Source
from streams.shop_counting import Counted

_AT_ONCE: Final = 64
_EVERY: Final = 1_000
_BEHIND_MS: Final = 60_000
"""Questions of so much time are asked together; the shop's counts wait for them, rows do not."""

Ask = Callable[[Sequence[Question]], None]


class Replay:
    """Goes on from one stretch of time to the next.

    Attributes:
        shop: Counts as they stand when questions are asked.
    """

    def __init__(
        self, events: Sequence[Click | Search], baskets: Mapping[int, Basket], catalogue: Catalogue
    ) -> None:
        """Nothing has happened yet.

        Args:
            events: In order of time.
            baskets: Of `baskets_of`.
            catalogue: Tells categories, brands and prices.
        """
        self.shop = ShopCounts()
        self._events = events
        self._baskets = baskets
        self._rows = PastRows(known_in(catalogue))
        self._n_baskets: dict[str, int] = {}
        self._had: dict[str, set[str]] = {}
        self._place = 0
        self._waiting: list[Question] = []
        self._uncounted: list[Counted] = []

    def run(
        self,
        until_ms: float,
        ask: Ask | None,
        *,
        half_given: np.random.Generator | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Replay what happened before a moment.

        Args:
            until_ms: The moment.
            ask: Called with questions in order of time; None = nothing is asked.
            half_given: Ask each basket of two items or more once more, when half of it, drawn by
                this, is in the cart.
            progress: Called with (events so far, of all).
        """
        total = len(self._events)
        while self._place < total and self._events[self._place].at_ms < until_ms:
            event = self._events[self._place]
            if ask is None or self._is_due(event.at_ms):
                self._flush(ask)
            if self._place % _EVERY == 0:
                progress(self._place, total)
            basket = self._baskets.get(self._place)
            if basket is not None:
                if ask is not None:
                    self._waiting += self._questions(basket, half_given)
                self._n_baskets[basket.user_id] = self._n_baskets.get(basket.user_id, 0) + 1
            self._take(event)
            self._place += 1
        self._flush(ask)
        progress(self._place, total)

    def _is_due(self, now_ms: int) -> bool:
        if not self._waiting:
            return True
        return len(self._waiting) >= _AT_ONCE or (
            now_ms - self._waiting[0].request.at_ms >= _BEHIND_MS
        )

    def _flush(self, ask: Ask | None) -> None:
        if self._waiting and ask is not None:
            ask(self._waiting)
        self._waiting = []
        for each in self._uncounted:
            each.add_to(self.shop)
        self._uncounted = []

    def _take(self, event: Click | Search) -> None:
        if (added := self._rows.take(event)) is not None:
            self._uncounted.append(added)
        if isinstance(event, Click) and event.type == "purchase" and event.item_id is not None:
            self._had.setdefault(event.user_id, set()).add(event.item_id)

    def _questions(self, basket: Basket, half_given: np.random.Generator | None) -> list[Question]:
        user_id, at_ms = basket.user_id, basket.at_ms
        row = self._rows.of(user_id)
        had = frozenset(self._had.get(user_id, ()))
        n_before = self._n_baskets.get(user_id, 0)
        items = list(basket.items)
        request = Request(user_id, at_ms, row.history(at_ms), region=basket.region)
        found = [Question(request, frozenset(items), frozenset(), had, n_before)]
        if half_given is not None and len(items) > 1:
            given = [items[i] for i in half_given.permutation(len(items))[: len(items) // 2]]
            for number, item in enumerate(given):
                cart = Click(
                    event_id=f"given-{self._place}-{number}",
                    user_id=user_id,
                    type="cart",
                    item_id=item,
                    at_ms=at_ms,
                )
                row = self._rows.observed(row, cart, Source("given", number))
            request = Request(
                user_id,
                at_ms,
                row.history(at_ms),
                exclude=frozenset(given),
                region=basket.region,
            )
            wanted = frozenset(items) - frozenset(given)
            found.append(Question(request, wanted, frozenset(given), had, n_before))
        return found
