"""Decayed counts against sums over all events; put together from parts or observed at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import Catalogue, Item
from scoring.item_counts import (
    BOUGHT_DAYS,
    DAY_MS,
    LOOKED,
    LOOKED_DAYS,
    MAX_REGIONS,
    NEVER,
    REGION_DAYS,
    ItemCounts,
)
from scoring.shop_columns import ShopColumns
from scoring.shop_counts import ShopCounts

NOW_MS = 1_760_000_000_000
SHOP = Catalogue.from_items([Item(item_id=f"i{n}", title="x") for n in range(6)])


class Event(NamedTuple):
    """One event of the shop."""

    item_id: str
    type: str
    at_ms: int
    region: str | None = None
    newcomer: bool | None = None
    bought_before: bool | None = None
    price: float | None = None


events = st.builds(
    Event,
    st.integers(0, 7).map("i{}".format),
    st.sampled_from(["purchase", "purchase", "view", "cart", "return", "rating"]),
    st.integers(NOW_MS - 3 * DAY_MS, NOW_MS) | st.integers(NOW_MS - 900 * DAY_MS, NOW_MS),
    st.sampled_from([None, "FR", "GB", "US"]),
    st.sampled_from([None, False, True]),
    st.sampled_from([None, False, True]),
    st.sampled_from([None, 1.5, 2.5]),
)


def count(log: Sequence[Event]) -> ShopCounts:
    shop = ShopCounts()
    for event in log:
        item_id, type_, at_ms, *_ = event
        more = dict(zip(Event._fields[3:], event[3:], strict=True))
        shop.observe(item_id, type_, at_ms, **more)  # type: ignore[arg-type]
    return shop


def summed(log: Sequence[Event], half_life_days: float) -> list[float]:
    """The decayed number of events of each item, one by one."""
    found = [0.0] * len(SHOP)
    for event in log:
        at = SHOP.position(event.item_id)
        if at >= 0:
            found[at] += 0.5 ** ((NOW_MS - event.at_ms) / (half_life_days * DAY_MS))
    return found


def check(columns: ShopColumns, log: Sequence[Event]) -> None:
    """Every column against the events themselves."""
    purchases = [event for event in log if event.type == "purchase"]
    looks = [event for event in log if event.type in LOOKED]
    for row, days in zip(columns.bought, BOUGHT_DAYS, strict=True):
        assert row.tolist() == pytest.approx(summed(purchases, days), rel=1e-5, abs=1e-6)
    for row, days in zip(columns.looked, LOOKED_DAYS, strict=True):
        assert row.tolist() == pytest.approx(summed(looks, days), rel=1e-5, abs=1e-6)
    for region in {event.region for event in purchases} - {None}:
        there = [event for event in purchases if event.region == region]
        expected = summed(there, REGION_DAYS)
        assert columns.by_region[region or ""].tolist() == pytest.approx(expected, 1e-5, 1e-6)
    for region in {event.region or "" for event in purchases if event.newcomer}:
        new = [e for e in purchases if e.newcomer and (e.region or "") == region]
        assert columns.newcomers[region].tolist() == pytest.approx(
            summed(new, REGION_DAYS), rel=1e-5, abs=1e-6
        )
    for at, item_id in enumerate(SHOP.ids):
        of = [event for event in log if event.item_id == item_id]
        bought = [event for event in of if event.type == "purchase"]
        assert columns.first_ms[at] == min([event.at_ms for event in of], default=NEVER)
        assert columns.latest_ms[at] == max([event.at_ms for event in bought], default=NEVER)
        assert columns.again[at] == sum(event.bought_before is True for event in bought)
        assert columns.buyers[at] == sum(event.bought_before is False for event in bought)
        priced = [event for event in bought if event.price is not None]
        newest = max([event.at_ms for event in priced], default=0)
        prices = {event.price for event in priced if event.at_ms == newest}
        assert np.isnan(columns.price[at]) if not prices else columns.price[at] in prices


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=25), st.randoms(use_true_random=False))
def test_counts_are_the_decayed_sums_over_the_events_in_whatever_order(
    log: list[Event], rng: random.Random
) -> None:
    rng.shuffle(log)
    check(count(log).columns(SHOP, NOW_MS), log)


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=25), st.integers(1, 3), st.randoms(use_true_random=False))
def test_parts_that_are_put_together_are_the_whole(
    log: list[Event], n_parts: int, rng: random.Random
) -> None:
    """Each part says all that it has counted of an item after every event, as partitions do."""
    whole, parts = ShopCounts(), dict[tuple[str, str], ItemCounts]()
    for event in log:
        part = f"part {rng.randrange(n_parts)}"
        key = part, event.item_id
        before = parts.get(key, ItemCounts.first(event.at_ms))
        parts[key] = before.observe(
            event.type,
            event.at_ms,
            region=event.region,
            newcomer=event.newcomer,
            bought_before=event.bought_before,
            price=event.price,
        )
        whole.put(part, event.item_id, parts[key])
        if rng.random() < 0.3:
            whole.put(part, event.item_id, parts[key])  # said again
    check(whole.columns(SHOP, NOW_MS), log)


def test_a_purchase_of_a_day_ago_counts_half_where_a_day_is_the_half_life() -> None:
    columns = count([Event("i2", "purchase", NOW_MS - DAY_MS)]).columns(SHOP, NOW_MS)
    assert columns.bought[0].tolist() == [0, 0, 0.5, 0, 0, 0]
    assert columns.bought[1, 2] == pytest.approx(0.5 ** (1 / 3))
    assert not columns.looked.any()


def test_counts_fade_over_years_without_an_overflow_or_a_trace() -> None:
    """A half-life of an hour, from the first second of the epoch to the last that is allowed."""
    shop = count([Event("i0", "view", 0), Event("i0", "view", 4_102_444_800_000)])
    columns = shop.columns(SHOP, 4_102_444_800_000)
    assert columns.looked[:, 0].tolist() == [1.0, 1.0, 1.0]


def test_a_moment_before_the_newest_event_is_read_as_that_event() -> None:
    """A list for an event that comes years late."""
    shop = count([Event("i0", "view", NOW_MS), Event("i0", "purchase", NOW_MS - DAY_MS)])
    columns, now = shop.columns(SHOP, 0), shop.columns(SHOP, NOW_MS)
    assert columns.at_ms == NOW_MS
    assert columns.bought[:, 0].tolist() == now.bought[:, 0].tolist()


def test_an_item_keeps_its_largest_regions_only() -> None:
    counts = ItemCounts.first(NOW_MS)
    for n in range(MAX_REGIONS + 3):
        for _ in range(2 if n < 2 else 1):
            counts = counts.observe("purchase", NOW_MS, region=f"r{n:02d}")
    assert len(counts.regions) == MAX_REGIONS
    assert counts.regions["r00"] == counts.regions["r01"] == 2.0
