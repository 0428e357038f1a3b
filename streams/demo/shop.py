"""The sample shop: real items, real purchases and returns, and searches that are simulated.

Items and events are a part of "Online Retail" (UCI, CC BY 4.0), see data/SOURCE.md. Nobody logged
what the shop's customers searched for, so searches are made from words of the items that they then
bought; each is marked `simulated`.
"""

from __future__ import annotations

import heapq
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from streams.errors import BadFileError
from streams.events import Click, Search
from streams.files import BadRow, read_records
from streams.items import Item
from streams.records import Record

FOLDER: Final = Path(__file__).parent / "data"
ITEMS_FILE: Final = FOLDER / "items.parquet"
EVENTS_FILE: Final = FOLDER / "events.parquet"
SEARCH_SHARE: Final = 0.1
_LONGEST_LEAD_S: Final = 300
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_EMPTY_WORDS: Final = frozenset({"and", "for", "the", "with", "set", "pack", "assorted"})

R = TypeVar("R", bound=Record)


def sample_items() -> list[Item]:
    """The shop's 3,659 items, by id."""
    return list(_read(ITEMS_FILE, Item))


def sample_popularity() -> dict[str, float]:
    """How many order lines each item had before the replayed events begin."""
    import pyarrow.parquet as pq

    table = pq.read_table(ITEMS_FILE, columns=["item_id", "popularity"])
    item_ids, counts = table.to_pydict().values()
    return dict(zip(item_ids, counts, strict=True))


def sample_events() -> Iterator[Click]:
    """79,610 purchases and returns of 1,948 customers in time order, 1 November to 9 December 2011.

    Times have a resolution of one minute, so that the lines of a basket have the same.
    """
    return _read(EVENTS_FILE, Click)


def sample_stream(*, seed: int = 0, search_share: float = SEARCH_SHARE) -> Iterator[Click | Search]:
    """Real events and simulated searches in time order; the same seed gives the same stream."""
    events = list(sample_events())
    searches = simulate_searches(sample_items(), events, seed=seed, share=search_share)
    return heapq.merge(events, searches, key=lambda event: event.at_ms)


def simulate_searches(
    items: Sequence[Item], events: Iterable[Click], *, seed: int, share: float = SEARCH_SHARE
) -> list[Search]:
    """Searches that may have come before purchases: one to three words of the item's title.

    Args:
        items: Where the words come from.
        events: Purchases are followed back to a search; other events are not.
        seed: Same seed, same searches.
        share: Of the purchases that had a search before them.

    Returns:
        In time order, each up to five minutes before its purchase, all marked `simulated`.
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    words = {item.item_id: _words(item.title) for item in items}
    searches = []
    for event in events:
        if event.type != "purchase" or rng.random() >= share:
            continue
        known = words.get(event.item_id or "", [])
        if not known:
            continue
        n_words = min(rng.randint(1, 3), len(known))
        start = rng.randint(0, len(known) - n_words)
        lead_ms = rng.randint(5_000, _LONGEST_LEAD_S * 1000)
        searches.append(
            Search(
                event_id=f"{event.event_id}-search",
                user_id=event.user_id,
                type="search",
                query=" ".join(known[start : start + n_words]),
                at_ms=max(0, event.at_ms - lead_ms),
                session_id=event.session_id,
                simulated=True,
            )
        )
    return sorted(searches, key=lambda search: (search.at_ms, search.event_id))


def _words(title: str) -> list[str]:
    return [word for word in _WORD.findall(title.lower()) if word not in _EMPTY_WORDS]


def _read(path: Path, kind: type[R]) -> Iterator[R]:
    for row in read_records(path):
        if isinstance(row, BadRow):
            raise BadFileError(f"the sample shop is damaged: {row}; install rillstream again")
        if isinstance(row, kind):
            yield row
