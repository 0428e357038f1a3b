"""The sample shop is real, clean, small, and marks what it made up."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from streams.demo.prepare import SLICE_START, events_of, items_of, merchandise
from streams.demo.shop import (
    FOLDER,
    sample_events,
    sample_items,
    sample_popularity,
    sample_stream,
    simulate_searches,
)
from streams.events import Click, Search
from streams.items import Item


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return sample_items()


@pytest.fixture(scope="module")
def events() -> list[Click]:
    return list(sample_events())


@pytest.fixture(scope="module")
def stream() -> list[Click | Search]:
    return list(sample_stream(seed=1))


def test_items_are_merchandise_with_title_and_price(items: list[Item]) -> None:
    assert 3_000 < len(items) < 4_000
    assert len({item.item_id for item in items}) == len(items)
    for item in items:
        assert re.fullmatch(r"\d{5}[A-Z]{0,2}", item.item_id)
        assert item.price is not None
        assert item.price > 0
        assert "postage" not in item.title.lower()


def test_popularity_is_known_for_all_items(items: list[Item]) -> None:
    popularity = sample_popularity()
    assert popularity.keys() == {item.item_id for item in items}
    assert popularity["85123A"] == 1728
    assert min(popularity.values()) == 0


def test_events_are_purchases_and_returns_of_known_items(
    items: list[Item], events: list[Click]
) -> None:
    known = {item.item_id for item in items}
    assert Counter(event.type for event in events) == {"purchase": 78_267, "return": 1_343}
    assert {event.item_id for event in events} <= known
    assert len({event.event_id for event in events}) == len(events)
    assert not any(event.simulated for event in events)
    for event in events:
        assert (event.type == "return") == (event.session_id or "").startswith("C")


def test_events_are_in_time_order_within_the_slice(events: list[Click]) -> None:
    moments = [event.at_ms for event in events]
    assert moments == sorted(moments)
    assert moments[0] >= SLICE_START.timestamp() * 1000
    assert all(at_ms % 60_000 == 0 for at_ms in moments)


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3_000_000


def test_the_source_is_attributed() -> None:
    source = (FOLDER / "SOURCE.md").read_text()
    assert "CC BY 4.0" in source
    assert "Chen" in source


def test_searches_are_marked_and_made_of_item_words(
    items: list[Item], stream: list[Click | Search]
) -> None:
    words = set(" ".join(item.title.lower() for item in items).replace("/", " ").split())
    searches = [event for event in stream if isinstance(event, Search)]
    assert 0.05 < len(searches) / len(stream) < 0.15
    assert all(search.simulated for search in searches)
    in_words = sum(set(search.query.split()) <= words for search in searches)
    assert in_words / len(searches) > 0.9


def test_the_stream_is_in_time_order(stream: list[Click | Search]) -> None:
    moments = [event.at_ms for event in stream]
    assert moments == sorted(moments)


def test_a_search_comes_before_its_purchase(stream: list[Click | Search]) -> None:
    bought = {event.event_id: event for event in stream}
    for event in stream:
        if isinstance(event, Search):
            purchase = bought[event.event_id.removesuffix("-search")]
            assert purchase.user_id == event.user_id
            assert 5_000 <= purchase.at_ms - event.at_ms <= 300_000


def test_the_same_seed_gives_the_same_searches(items: list[Item], events: list[Click]) -> None:
    few = events[:2_000]
    assert simulate_searches(items, few, seed=1) == simulate_searches(items, few, seed=1)
    assert simulate_searches(items, few, seed=1) != simulate_searches(items, few, seed=2)


def row(**changes: Any) -> dict[str, Any]:
    line = {
        "InvoiceNo": "1",
        "StockCode": "85123A",
        "Description": "WHITE HEART",
        "Quantity": 6,
        "InvoiceDate": datetime(2011, 11, 2, 8, 26),  # noqa: DTZ001 - as the log has it
        "UnitPrice": 2.5,
        "CustomerID": "17850",
        "Country": "France",
    }
    return line | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"StockCode": "POST"},
        {"StockCode": "gift_0001_20"},
        {"StockCode": "C2"},
        {"CustomerID": None},
        {"UnitPrice": 0.0},
        {"UnitPrice": -11062.06},
        {"Description": None},
        {"Quantity": 0},
    ],
)
def test_a_line_that_is_no_sale_of_goods_is_left_out(changes: dict[str, Any]) -> None:
    assert list(merchandise([row(**changes)])) == []


def test_exact_repeats_are_dropped_and_other_lines_of_an_item_summed() -> None:
    lines = list(merchandise([row(), row(), row(Quantity=2), row(StockCode="85123a", Quantity=1)]))
    (event,) = events_of(lines, 0, {"85123A"})
    assert event["quantity"] == 9
    assert event["event_id"] == "1-85123A"


def test_a_cancellation_is_a_return_of_a_positive_quantity() -> None:
    lines = list(merchandise([row(InvoiceNo="C1", Quantity=-4)]))
    (event,) = events_of(lines, 0, {"85123A"})
    assert (event["type"], event["quantity"]) == ("return", 4)


def test_a_stock_clerks_note_is_no_title() -> None:
    lines = list(
        merchandise([row(), row(InvoiceNo="2"), row(InvoiceNo="3", Description="damaged?")])
    )
    (item,) = items_of(lines, 0)
    assert item["title"] == "White Heart"


def test_price_and_popularity_do_not_know_the_slice() -> None:
    before = datetime(2011, 10, 1, 9, 0)  # noqa: DTZ001
    lines = list(
        merchandise(
            [row(InvoiceDate=before, UnitPrice=1.0), row(InvoiceNo="2"), row(InvoiceNo="3")]
        )
    )
    start_ms = int(datetime(2011, 11, 1, tzinfo=UTC).timestamp() * 1000)
    (item,) = items_of(lines, start_ms)
    assert (item["price"], item["popularity"]) == (1.0, 1.0)
