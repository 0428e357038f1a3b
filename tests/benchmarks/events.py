"""The events that both sides get: nine clicks to one search, half of the searches new."""

import random
import time

from streams.demo.shop import sample_items
from streams.events import Click, Search
from streams.records import Record, encode

KINDS = ("view", "click", "click", "cart", "purchase")


class EventSource:
    """Events of `n_users` about `n_items`, the same for the same seed."""

    def __init__(self, n_users: int, n_items: int, seed: int = 5) -> None:
        self._rng = random.Random(seed)
        self._n_users, self._n_items = n_users, n_items
        self._words = sorted(
            {w for item in sample_items() for w in item.title.lower().split() if len(w) > 3}
        )
        self._known = [self._query() for _ in range(200)]
        self._number = 0

    def next(self) -> tuple[str, bytes, bytes]:
        """Topic kind, key and value."""
        rng, self._number = self._rng, self._number + 1
        user, at_ms = f"user-{rng.randrange(self._n_users)}", time.time_ns() // 1_000_000
        event: Record
        if self._number % 10 == 0:
            query = rng.choice(self._known) if self._number % 20 == 0 else self._query()
            event = Search(
                event_id=f"e{self._number}", user_id=user, type="search", query=query, at_ms=at_ms
            )
            return "searches", user.encode(), encode(event)
        event = Click(
            event_id=f"e{self._number}",
            user_id=user,
            type=rng.choice(KINDS),  # type: ignore[arg-type]
            item_id=f"item-{rng.randrange(self._n_items):08d}",
            at_ms=at_ms,
            context={"device": "phone", "country": "FR", "page": "https://shop.example/some/page"},
        )
        return "clicks", user.encode(), encode(event)

    def _query(self) -> str:
        return " ".join(self._rng.sample(self._words, self._rng.randint(2, 4)))
