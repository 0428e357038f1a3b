"""Strategies for events that a shop could send: every field at its bounds now and then."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis import strategies as st

from streams.counts import WEEK_MS
from streams.events import Click, Impression, Search
from streams.fields import CLICK_TYPES
from streams.row import Source, UserRow

Event = Click | Search | Impression

NOW_MS = 1_760_000_000_000

# Few ids and moments, so that ties and repeats are common.
event_ids = st.integers(0, 200).map(lambda n: f"e{n}")
item_ids = st.integers(0, 40).map(lambda n: f"i{n}")
moments = st.one_of(
    st.integers(NOW_MS - 40 * WEEK_MS, NOW_MS),
    st.integers(0, 20).map(lambda n: NOW_MS - n * 1000),
)

clicks = st.builds(
    Click,
    event_id=event_ids,
    user_id=st.just("u"),
    type=st.sampled_from(CLICK_TYPES),
    item_id=item_ids,
    at_ms=moments,
    quantity=st.one_of(st.none(), st.integers(1, 1_000_000)),
)
searches = st.builds(
    Search,
    event_id=event_ids,
    user_id=st.just("u"),
    type=st.just("search"),
    query=st.sampled_from(["lantern", "red lantern", "heart", "mug", "bunting"]),
    at_ms=moments,
)
impressions = st.builds(
    Impression,
    user_id=st.just("u"),
    recommendation_id=event_ids,
    at_ms=moments,
    item_ids=st.lists(item_ids, min_size=1, max_size=30).map(tuple),
)
logs: st.SearchStrategy[list[Event]] = st.lists(
    st.one_of(clicks, searches, impressions), max_size=40
)


def _long_log(seed: int, n: int) -> list[Click]:
    rng = random.Random(seed)
    return [
        Click(
            event_id=f"e{number}",
            user_id="u",
            type=rng.choice(CLICK_TYPES),
            item_id=f"i{rng.randrange(40)}",
            at_ms=NOW_MS - rng.choice([rng.randrange(40 * WEEK_MS), rng.randrange(20) * 1000]),
        )
        for number in range(n)
    ]


# More events than a ring holds; drawn from a seed, since hypothesis takes long for so many fields.
long_logs = st.builds(_long_log, st.integers(0, 2**32), st.integers(60, 160))


def facts_of_item(item_id: str | None) -> dict[str, Any]:
    """What a catalogue would say: a function of the item, with more categories than are kept."""
    number = int((item_id or "i0")[1:])
    return {
        "category": f"category {number * 7 % 31}",
        "brand": None if number % 3 else f"brand {number}",
        "price": float(number),
    }


def observe(row: UserRow, event: Event, source: Source) -> UserRow:
    """One event into a row, as a worker does it."""
    if isinstance(event, Impression):
        return row.observe_impression(event, source)
    if isinstance(event, Search):
        return row.observe_search(event, source)
    return row.observe_click(event, source, **facts_of_item(event.item_id))


def fold(events: Sequence[Event]) -> UserRow:
    """The row after these events, each at the next offset of its topic's one partition."""
    row = UserRow.empty()
    offsets = {Click: count(), Search: count(), Impression: count()}
    for event in events:
        row = observe(row, event, Source(f"{type(event).__name__}:0", next(offsets[type(event)])))
    return row
