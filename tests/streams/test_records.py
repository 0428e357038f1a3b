"""The gate for untrusted bytes: what is let in, what is refused and why, and nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams import fields
from streams.errors import RejectedError
from streams.events import Click, Impression, Search, decode_click, decode_impression, decode_search
from streams.items import Item, ItemDeleted, decode_item
from streams.outputs import Recommendation, RecommendedItem, Tasks, Trigger, decode_recommendation
from streams.records import MAX_AHEAD_MS, MAX_BYTES, check_key, encode
from tests.streams.events import NOW_MS

CLICK = {"event_id": "e1", "user_id": "u1", "type": "view", "item_id": "i1", "at_ms": NOW_MS}
SEARCH = {"event_id": "e1", "user_id": "u1", "type": "search", "query": "mug", "at_ms": NOW_MS}
ITEM = {"item_id": "i1", "title": "A mug"}

ids = st.text(min_size=1, max_size=128)
maybe = st.none
prices = st.floats(0, 1e9)
contexts = st.dictionaries(
    st.text(min_size=1, max_size=64),
    st.one_of(
        st.text(max_size=256),
        st.integers(-(2**53), 2**53),
        st.floats(-1e15, 1e15),
        st.booleans(),
        st.none(),
    ),
    max_size=8,
)
any_clicks = st.builds(
    Click,
    event_id=ids,
    user_id=ids,
    type=st.sampled_from(fields.CLICK_TYPES),
    item_id=ids,
    at_ms=st.integers(0, NOW_MS),
    dwell_ms=st.one_of(maybe(), st.integers(0, 86_400_000)),
    depth=st.one_of(maybe(), st.floats(0, 1e6)),
    quantity=st.one_of(maybe(), st.integers(1, 1_000_000)),
    price=st.one_of(maybe(), prices),
    rating=st.one_of(maybe(), st.floats(0, 100)),
    text=st.one_of(maybe(), st.text(max_size=200)),
    session_id=st.one_of(maybe(), ids),
    recommendation_id=st.one_of(maybe(), ids),
    position=st.one_of(maybe(), st.integers(0, 10_000)),
    context=st.one_of(maybe(), contexts),
    simulated=st.booleans(),
)
any_searches = st.builds(
    Search,
    event_id=ids,
    user_id=ids,
    type=st.just("search"),
    query=st.text(min_size=1, max_size=512).filter(lambda query: not query.isspace()),
    at_ms=st.integers(0, NOW_MS),
    filters=st.one_of(maybe(), contexts),
    session_id=st.one_of(maybe(), ids),
    context=st.one_of(maybe(), contexts),
    simulated=st.booleans(),
)
any_items = st.builds(
    Item,
    item_id=ids,
    title=st.text(min_size=1, max_size=512),
    description=st.one_of(maybe(), st.text(max_size=500)),
    category=st.one_of(maybe(), st.text(min_size=1, max_size=256)),
    brand=st.one_of(maybe(), st.text(min_size=1, max_size=256)),
    price=st.one_of(maybe(), prices),
    tags=st.one_of(maybe(), st.lists(st.text(min_size=1, max_size=20), max_size=5).map(tuple)),
    in_stock=st.one_of(maybe(), st.booleans()),
    at_ms=st.one_of(maybe(), st.integers(0, NOW_MS)),
)


def raw(fields: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(fields | changes).encode()


def rejection(value: bytes | None, **arguments: Any) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        decode_click(value, NOW_MS, **arguments)
    return caught.value


@given(any_clicks)
def test_decoding_an_encoded_click_gives_it_back(click: Click) -> None:
    assert decode_click(encode(click), NOW_MS) == click


@given(any_searches)
def test_decoding_an_encoded_search_gives_it_back(search: Search) -> None:
    assert decode_search(encode(search), NOW_MS) == search


@given(any_items)
def test_decoding_an_encoded_item_gives_it_back(item: Item) -> None:
    assert decode_item(encode(item), item.item_id.encode(), NOW_MS) == item


def test_decoding_an_encoded_impression_gives_it_back() -> None:
    shown = Impression(recommendation_id="r", user_id="u", at_ms=NOW_MS, item_ids=("a", "b"))
    assert decode_impression(encode(shown), NOW_MS) == shown


def test_decoding_an_encoded_recommendation_gives_it_back() -> None:
    trigger = Trigger(event_id="e", type="search", at_ms=1, topic="t", partition=0, offset=7)
    item = RecommendedItem(
        item_id="i", rank=1, score=0.5, tasks=Tasks(relevance=0.25), propensity=1.0, reason="new"
    )
    listed = Recommendation(
        recommendation_id="r", user_id="u", at_ms=2, trigger=trigger, items=(item,)
    )
    assert decode_recommendation(encode(listed)) == listed


MUTATIONS = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda value, at, byte: value[:at] + byte + value[at + 1 :],
        st.sampled_from([raw(CLICK, price=1.5, context={"a": 1}), raw(SEARCH), raw(ITEM)]),
        st.integers(0, 120),
        st.binary(max_size=2),
    ),
)


@settings(max_examples=600)
@given(MUTATIONS)
@example(b'{"x":' + b"[" * 60_000)
@example(b'{"x":' + b'{"a":' * 10_000)
@example(b'{"event_id":"\xff"}')
@example(b'{"event_id":"\\ud800"}')
@example(b"\xef\xbb\xbf{}")
@example(b"null")
def test_bytes_are_a_record_or_rejected_and_nothing_else(value: bytes) -> None:
    """No other exception may leave the decoder: it would end a worker."""
    for decode in (decode_click, decode_search, decode_impression):
        with contextlib.suppress(RejectedError):
            decode(value, NOW_MS)
    with contextlib.suppress(RejectedError):
        decode_item(value, b"i1", NOW_MS)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"{", "malformed"),
        (b'{"event_id":"\xff"}', "malformed"),
        (b'{"x":' + b"[" * 60_000, "malformed"),
        (raw(CLICK, price=float("nan")), "malformed"),
        (raw(CLICK) + b"{}", "malformed"),
        (b"[]", "invalid"),
        (raw(CLICK, type="wink"), "invalid"),
        (raw(CLICK, type="search"), "invalid"),
        (raw(CLICK, at_ms="now"), "invalid"),
        (raw(CLICK, at_ms=NOW_MS + 0.5), "invalid"),
        (raw(CLICK, at_ms=True), "invalid"),
        (raw(CLICK, item_id=None), "invalid"),
        (raw(CLICK, text="x" * (MAX_BYTES + 1)), "oversize"),
        (raw(CLICK, at_ms=NOW_MS + MAX_AHEAD_MS + 1), "future"),
    ],
)
def test_a_bad_click_is_rejected_with_its_kind(value: bytes | None, kind: str) -> None:
    assert rejection(value).kind == kind


@pytest.mark.parametrize("missing", ["event_id", "user_id", "type", "at_ms"])
def test_a_missing_field_is_named(missing: str) -> None:
    rest = {name: value for name, value in CLICK.items() if name != missing}
    assert missing in rejection(raw(rest)).reason


OUT_OF_BOUNDS: dict[str, list[Any]] = {
    "event_id": ["", "x" * 129],
    "user_id": ["", "x" * 129],
    "item_id": ["", "x" * 129],
    "session_id": ["", "x" * 129],
    "recommendation_id": ["", "x" * 129],
    "at_ms": [-1, fields.MAX_AT_MS + 1],
    "dwell_ms": [-1, 86_400_001],
    "depth": [-0.1, 1e7],
    "quantity": [0, 1_000_001],
    "price": [-0.01, 1e10],
    "rating": [-1, 101],
    "text": ["x" * 4_097],
    "position": [-1, 10_001],
    "context": [
        {str(n): n for n in range(33)},
        {"": 1},
        {"x" * 65: 1},
        {"a": "x" * 257},
        {"a": 2**54},
        {"a": 1e16},
        {"a": [1]},
        {"a": {"b": 1}},
    ],
}


@pytest.mark.parametrize(
    ("field", "value"), [(f, value) for f, values in OUT_OF_BOUNDS.items() for value in values]
)
def test_every_field_of_a_click_has_bounds(field: str, value: object) -> None:
    reason = rejection(raw(CLICK, **{field: value})).reason
    assert f"$.{field}" in reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("query", ""),
        ("query", "x" * 513),
        ("filters", {str(n): n for n in range(33)}),
        ("filters", {"a": ["x"] * 33}),
        ("filters", {"a": ["x" * 257]}),
    ],
)
def test_every_field_of_a_search_has_bounds(field: str, value: object) -> None:
    with pytest.raises(RejectedError, match=rf"\$\.{field}"):
        decode_search(raw(SEARCH, **{field: value}), NOW_MS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 513),
        ("description", "x" * 8_193),
        ("category", ""),
        ("brand", "x" * 257),
        ("price", -1),
        ("tags", ["x"] * 65),
        ("tags", ["x" * 257]),
    ],
)
def test_every_field_of_an_item_has_bounds(field: str, value: object) -> None:
    with pytest.raises(RejectedError, match=rf"\$\.{field}"):
        decode_item(raw(ITEM, **{field: value}), b"i1", NOW_MS)


def test_a_blank_query_is_rejected() -> None:
    with pytest.raises(RejectedError, match="blank"):
        decode_search(raw(SEARCH, query=" \t "), NOW_MS)


def test_a_visit_needs_no_item() -> None:
    assert decode_click(raw(CLICK, type="visit", item_id=None), NOW_MS).item_id is None


def test_unknown_fields_are_ignored() -> None:
    assert decode_click(raw(CLICK, colour={"r": [1, 2]}), NOW_MS).event_id == "e1"


def test_optional_fields_may_be_null() -> None:
    optional = [name for name in Click.__struct_fields__ if name not in CLICK]
    click = decode_click(raw(CLICK, **dict.fromkeys(optional)), NOW_MS)
    assert click == decode_click(raw(CLICK), NOW_MS)
    assert click.simulated is False
    search = decode_search(raw(SEARCH, filters=None, context=None, simulated=None), NOW_MS)
    assert search.simulated is False


def test_a_clock_may_be_five_minutes_ahead() -> None:
    assert decode_click(raw(CLICK, at_ms=NOW_MS + MAX_AHEAD_MS), NOW_MS)
    for decode in (decode_click, decode_search, decode_impression):
        shown = {"recommendation_id": "r", "user_id": "u", "item_ids": ["i"]}
        late = {**(SEARCH if decode is decode_search else CLICK), **shown}
        with pytest.raises(RejectedError, match="future"):
            decode(raw(late, at_ms=NOW_MS + MAX_AHEAD_MS + 1), NOW_MS)
    with pytest.raises(RejectedError, match="future"):
        decode_item(raw(ITEM, at_ms=NOW_MS + MAX_AHEAD_MS + 1), b"i1", NOW_MS)


def test_the_limit_of_bytes_is_the_callers() -> None:
    value = raw(CLICK)
    assert decode_click(value, NOW_MS, max_bytes=len(value))
    assert rejection(value, max_bytes=len(value) - 1).kind == "oversize"


def test_a_null_item_is_a_deletion() -> None:
    assert decode_item(None, b"i1", NOW_MS) == ItemDeleted(item_id="i1")


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"x" * 129])
def test_a_deletion_needs_a_readable_key(key: bytes | None) -> None:
    with pytest.raises(RejectedError):
        decode_item(None, key, NOW_MS)


def test_the_key_must_be_the_id_in_the_value() -> None:
    check_key("ü1".encode(), "ü1")
    with pytest.raises(RejectedError) as missing:
        check_key(None, "u1")
    assert missing.value.kind == "missing_key"
    with pytest.raises(RejectedError, match="'u2'") as other:
        check_key(b"u2", "u1")
    assert other.value.kind == "key_mismatch"
    with pytest.raises(RejectedError):
        check_key(b"\xff", "u1")
    with pytest.raises(RejectedError):
        decode_item(raw(ITEM), b"i2", NOW_MS)
