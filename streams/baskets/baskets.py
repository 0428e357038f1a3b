"""Events in order of time -> the baskets of each user's visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scoring.ranker.past import SESSION_MS
from scoring.ranker.sales import Sales
from streams.events import Click, Search
from streams.shop_counting import region_of


@dataclass(slots=True)
class Basket:
    """What one user bought in one visit.

    A visit is what a user does under one `session_id`, or without one, with no pause of more than
    half an hour.

    Attributes:
        user_id: Whose.
        at_ms: Its first event, bought or not.
        latest_ms: Its last one.
        region: Of its first event.
        items: Bought, in this order, none twice.
    """

    user_id: str
    at_ms: int
    latest_ms: int
    region: str | None
    items: dict[str, int] = field(default_factory=dict)


def baskets_of(events: Sequence[Click | Search]) -> dict[int, Basket]:
    """Place of a visit's first event -> its basket, of visits in which something was bought."""
    going: dict[tuple[str, str | None], Basket] = {}
    found: dict[int, Basket] = {}
    for place, event in enumerate(events):
        key = event.user_id, event.session_id
        basket = going.get(key)
        if basket is None or event.at_ms - basket.latest_ms > SESSION_MS:
            basket = going[key] = Basket(
                event.user_id, event.at_ms, event.at_ms, region_of(event.context)
            )
            found[place] = basket
        basket.latest_ms = event.at_ms
        if isinstance(event, Click) and event.type == "purchase" and event.item_id is not None:
            basket.items.setdefault(event.item_id, event.at_ms)
    return {place: basket for place, basket in found.items() if basket.items}


def sales_of(baskets: Sequence[Basket]) -> Sales:
    """Their lines as columns, baskets in the order given: that of their beginnings."""
    item_ids = sorted({item for basket in baskets for item in basket.items})
    user_ids = sorted({basket.user_id for basket in baskets})
    items = {item: row for row, item in enumerate(item_ids)}
    users = {user: row for row, user in enumerate(user_ids)}
    lines = [
        (users[basket.user_id], number, items[item], at_ms)
        for number, basket in enumerate(baskets)
        for item, at_ms in basket.items.items()
    ]
    columns = np.array(lines, np.int64).reshape(-1, 4).T
    return Sales(item_ids, user_ids, *columns)
