"""A user's row: order, duplicates and redelivery do not matter, and nothing is unbounded."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.history import (
    MAX_INTERACTIONS,
    MAX_QUERIES,
    MAX_SHOWN,
    MAX_SHOWN_ITEMS,
    item_digest,
)
from streams.counts import MAX_NAMES, MAX_WEEKS, WEEK_MS, price_level
from streams.errors import RowFormatError
from streams.events import Click, Impression, Search
from streams.row import MAX_SOURCES, Source, UserRow
from tests.streams.events import NOW_MS, Event, clicks, fold, logs, long_logs, observe

HERE = Source("topic:0", 0)


def click(n: int = 0, *, at_ms: int = NOW_MS, kind: str = "view", **more: object) -> Click:
    fields = {"event_id": f"e{n}", "user_id": "u", "type": kind, "item_id": "i1", "at_ms": at_ms}
    return Click(**(fields | more))  # type: ignore[arg-type]


def search(n: int, query: str = "mug") -> Search:
    return Search(event_id=f"s{n}", user_id="u", type="search", query=query, at_ms=NOW_MS + n)


@given(logs, st.randoms(use_true_random=False))
def test_a_row_does_not_depend_on_arrival_order(log: list[Event], rng: random.Random) -> None:
    """Rebalances and retries reorder events; the row must not notice."""
    late = list(log)
    rng.shuffle(late)
    assert fold(late).facts == fold(log).facts


@settings(max_examples=60)
@given(long_logs, st.randoms(use_true_random=False))
def test_a_full_row_does_not_depend_on_arrival_order(log: list[Click], rng: random.Random) -> None:
    """The same where the ring overflows, weeks leave and names are pushed out."""
    late = list(log)
    rng.shuffle(late)
    assert fold(late).facts == fold(log).facts


@given(logs, st.randoms(use_true_random=False))
def test_a_publishers_repeats_within_the_ring_do_not_count(
    log: list[Event], rng: random.Random
) -> None:
    few = log[:16]  # the ring of queries reaches back this far
    repeated = few + rng.choices(few, k=len(few)) if few else []
    rng.shuffle(repeated)
    assert fold(repeated).facts == fold(few).facts


@given(st.one_of(logs, long_logs), st.data())
def test_redelivery_is_a_no_op(log: Sequence[Event], data: st.DataObject) -> None:
    """After a crash a partition is read again from an earlier offset, in the same order."""
    row = UserRow.empty()
    for offset, event in enumerate(log):
        row = observe(row, event, Source("topic:0", offset))
    again = row
    start = data.draw(st.integers(0, len(log)))
    for offset, event in enumerate(log[start:], start):
        again = observe(again, event, Source("topic:0", offset))
        again = again.touch(Source("topic:0", offset))
    assert again == row
    assert again.encode() == row.encode()


def test_a_redelivered_event_does_not_move_the_position_back() -> None:
    row = UserRow.empty().touch(Source("topic:0", 9))
    for offset in (3, 9):
        source = Source("topic:0", offset)
        assert row.observe_click(click(offset), source) == row
        assert row.observe_search(search(offset), source) == row
        assert row.touch(source) == row


@given(st.one_of(logs, long_logs))
def test_decoding_what_was_encoded_gives_the_same_row(log: Sequence[Event]) -> None:
    row = fold(log)
    assert UserRow.decode(row.encode()) == row


@given(logs, st.randoms(use_true_random=False))
def test_equal_facts_are_equal_bytes(log: list[Event], rng: random.Random) -> None:
    """An offline fold of the same events can be compared byte by byte."""
    late = list(log)
    rng.shuffle(late)
    one, other = fold(log), fold(late)
    same_offsets = msgspec.structs.replace(other, offsets=one.offsets)
    assert same_offsets.encode() == one.encode()


@given(st.one_of(logs, long_logs), clicks)
def test_observing_leaves_the_old_row_as_it_was(log: Sequence[Event], event: Click) -> None:
    row = fold(log)
    before = row.encode()
    observe(row, event, Source("Click:0", 10_000))
    observe(row, event, Source("another:0", 0)).touch(HERE)
    assert row.encode() == before


@given(long_logs)
def test_a_row_stays_within_its_bounds(log: list[Click]) -> None:
    row = fold(log)
    assert len(row.ring) <= MAX_INTERACTIONS
    assert len(row.counts) <= MAX_WEEKS
    for names in row.counts.values():
        for kind in ("c:", "b:", "p:"):
            assert sum(name.startswith(kind) for name in names) <= MAX_NAMES


def test_the_ring_holds_the_newest_first() -> None:
    row = fold([click(n, at_ms=NOW_MS + n) for n in range(MAX_INTERACTIONS + 6)])
    moments = [interaction.at_ms - NOW_MS for interaction in row.ring]
    assert moments == list(range(MAX_INTERACTIONS + 5, 5, -1))


def test_events_alike_but_for_their_ids_are_two() -> None:
    row = fold([click(1), click(2), click(1)])
    assert len(row.ring) == 2
    assert row.counts == fold([click(2), click(1)]).counts


def test_an_event_id_takes_eight_bytes_however_long_it_is() -> None:
    """64 interactions, 16 searches and UUIDs; each 64-bit number has one byte more that says so."""
    rng = random.Random(1)
    ids = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(80)]
    log: list[Event] = [
        click(n, at_ms=NOW_MS + n, event_id=ids.pop(), item_id=f"i{n:05d}")
        for n in range(MAX_INTERACTIONS)
    ]
    log += [
        Search(event_id=ids.pop(), user_id="u", type="search", query="mug", at_ms=NOW_MS + n)
        for n in range(MAX_QUERIES)
    ]
    full = fold(log)
    without = UserRow(
        full.format,
        [msgspec.structs.replace(entry, event=0) for entry in full.ring],
        [msgspec.structs.replace(past, event=0) for past in full.queries],
        full.counts,
        full.offsets,
    )
    assert len(full.encode()) - len(without.encode()) == 8 * (MAX_INTERACTIONS + MAX_QUERIES)
    assert len(full.encode()) < 3_000


def impression(n: int, *item_ids: str) -> Impression:
    return Impression(
        user_id="u", recommendation_id=f"r{n}", at_ms=NOW_MS + n, item_ids=item_ids or ("i1",)
    )


def test_the_newest_impressions_are_kept_and_the_first_items_of_each() -> None:
    many = [f"i{n}" for n in range(MAX_SHOWN_ITEMS + 5)]
    row = fold([impression(n, *many) for n in range(MAX_SHOWN + 3)])
    assert [shown.at_ms - NOW_MS for shown in row.shown] == list(range(MAX_SHOWN + 2, 2, -1))
    expected = b"".join(item_digest(i).to_bytes(4, "little") for i in many[:MAX_SHOWN_ITEMS])
    assert row.shown[0].items == expected
    assert row.history(NOW_MS).shown == row.shown
    assert len(row.encode()) < 1_800, "16 impressions of 20 items"
    assert row.facts == fold([impression(n, *many) for n in range(MAX_SHOWN + 3)] * 2).facts


def test_a_row_from_before_there_were_impressions_is_read_and_so_is_a_new_one_by_the_old() -> None:
    stored = msgspec.msgpack.encode([2, [], [[7, "mug", NOW_MS]], {}, {"topic:0": 3}])
    row = UserRow.decode(stored)
    assert row.shown == []
    assert row.queries[0].query == "mug"
    row = row.observe_impression(impression(1), Source("topic:0", 4))

    class RowBefore(msgspec.Struct, array_like=True):
        format: int
        ring: list[object]
        queries: list[object]
        counts: dict[int, object]
        offsets: dict[str, int]

    old = msgspec.msgpack.decode(row.encode(), type=RowBefore)
    assert old.offsets == {"topic:0": 4}


def test_what_was_bought_is_known_far_beyond_the_ring() -> None:
    log: list[Event] = [click(0, kind="purchase", item_id="i2", quantity=12)]
    log += [click(1, kind="return", item_id="i3", at_ms=NOW_MS + 1)]
    log += [click(2 + n, at_ms=NOW_MS + 2 + n) for n in range(2 * MAX_INTERACTIONS)]
    row = fold(log)
    assert {interaction.item_id for interaction in row.ring} == {"i1"}
    known = [(past.item_id, past.type, past.pieces) for past in row.history(NOW_MS).bought]
    assert known == [("i3", "r", 1), ("i2", "p", 12)]
    later = NOW_MS + 9
    assert row.had_bought(click(9, kind="purchase", item_id="i2", at_ms=later))
    assert not row.had_bought(click(9, kind="purchase", item_id="i3", at_ms=later))
    assert not row.had_bought(log[0]), "the first time, also when it is in the row already"  # type: ignore[arg-type]


def test_a_row_from_before_there_was_a_log_of_purchases_takes_over_its_ring_at_the_next() -> None:
    ring = [[3, "i4", "p", NOW_MS - 1, 3], [2, "i2", "v", NOW_MS - 2, 1]]
    row = UserRow.decode(msgspec.msgpack.encode([2, ring, [], {}, {"topic:0": 3}, []]))
    assert len(row.bought) == 0
    assert row.had_bought(click(9, item_id="i4"))
    assert not row.had_bought(click(9, item_id="i2"))
    seen = row.observe_click(click(4), Source("topic:0", 4))
    assert len(seen.bought) == 0
    after = seen.observe_click(click(5, kind="purchase"), Source("topic:0", 5))
    assert [(past.item_id, past.pieces) for past in after.bought] == [("i1", 1), ("i4", 4)]


def test_the_queries_are_the_newest_without_repeats() -> None:
    row = fold([search(n, f"query {n % 20}") for n in range(30)] + [search(40, "query 5")])
    assert len(row.queries) == MAX_QUERIES
    assert row.history(NOW_MS).queries[:3] == ["query 5", "query 9", "query 8"]
    assert row.history(NOW_MS).queries.count("query 5") == 1


def test_counts_add_the_evidence_of_each_event() -> None:
    """Two views, a purchase: 1 + 1 + 5; the price of 4.25 is level 3."""
    row = UserRow.empty()
    for n, kind in enumerate(["view", "view", "purchase"]):
        source = Source("topic:0", n)
        row = row.observe_click(
            click(n, kind=kind), source, category="Books", brand="Sony", price=4.25
        )
    assert row.counts == {NOW_MS // WEEK_MS: {"b:Sony": 7, "c:Books": 7, "p:3": 7}}


def test_a_count_is_halved_after_one_half_life() -> None:
    row = UserRow.empty().observe_click(click(), HERE, category="Books")
    middle_ms = NOW_MS // WEEK_MS * WEEK_MS + WEEK_MS // 2
    thirty_days_ms = 30 * 24 * 3600 * 1000
    assert row.history(middle_ms).counts == {"c:Books": 1.0}
    assert row.history(middle_ms - thirty_days_ms).counts == {"c:Books": 1.0}
    assert row.history(middle_ms + thirty_days_ms).counts == {"c:Books": 0.5}
    assert row.history(middle_ms + thirty_days_ms, half_life_days=15).counts == {"c:Books": 0.25}


def test_what_was_returned_does_not_count_as_interest() -> None:
    row = UserRow.empty().observe_click(click(0, kind="purchase"), HERE, category="Books")
    row = row.observe_click(click(1, kind="return"), Source("topic:0", 1), category="Books")
    assert row.history(NOW_MS).counts == {}


def test_a_visit_moves_the_position_only() -> None:
    row = UserRow.empty().observe_click(click(kind="visit", item_id=None), HERE)
    assert row.facts == UserRow.empty().facts
    assert row.has_applied(HERE)


def test_a_recreated_topic_is_another_source() -> None:
    row = UserRow.empty().observe_click(click(0), Source("old:0", 900))
    assert row.has_applied(Source("old:0", 900))
    assert not row.has_applied(Source("old:0", 901))
    assert not row.has_applied(Source("new:0", 0))


def test_the_source_that_was_silent_longest_gives_way() -> None:
    row = UserRow.empty()
    for n in range(MAX_SOURCES):
        row = row.touch(Source(f"topic{n}:0", 5))
    row = row.touch(Source("topic0:0", 6)).touch(Source("another:0", 0))
    two = UserRow.empty().touch(Source("a:0", 1)).touch(Source("b:0", 1)).touch(Source("a:0", 2))
    assert list(two.offsets) == ["b:0", "a:0"]
    assert len(row.offsets) == MAX_SOURCES
    assert row.has_applied(Source("topic0:0", 6))
    assert not row.has_applied(Source("topic1:0", 5))


def test_quantity_weighs_by_its_doublings() -> None:
    row = fold([click(n, quantity=q, at_ms=NOW_MS - n) for n, q in enumerate([1, 3, 4, 1_000_000])])
    assert [interaction.weight for interaction in row.ring] == [1, 2, 3, 20]


def test_long_names_are_cut_not_refused() -> None:
    row = UserRow.empty().observe_click(click(), HERE, category="x" * 256)
    assert row.history(NOW_MS).counts.keys() == {"c:" + "x" * 64}


@pytest.mark.parametrize(
    ("price", "level"), [(0, 0), (0.99, 0), (1, 1), (1.99, 1), (2, 2), (4, 3), (1e9, 30)]
)
def test_price_levels_are_doublings(price: float, level: int) -> None:
    assert price_level(price) == level


@pytest.mark.parametrize("stored", [b"", b"{}", b"\xff", b"\x95\x01", b"\x93\x02\x90\x90"])
def test_a_damaged_row_is_fatal_and_says_what_to_do(stored: bytes) -> None:
    with pytest.raises(RowFormatError, match="changelog has it"):
        UserRow.decode(stored)


def test_a_row_of_a_later_version_is_not_read() -> None:
    later = UserRow(99, [], [], {}, {}).encode()
    with pytest.raises(RowFormatError, match="format 99"):
        UserRow.decode(later)


def test_a_row_of_the_first_version_is_told_as_such() -> None:
    """It held the ids themselves; to remove the state folder, as for damage, would not help."""
    first = msgspec.msgpack.encode([1, [["e1", "i1", "v", NOW_MS, 1]], [], {}, {"topic:0": 3}])
    with pytest.raises(RowFormatError, match="format 1, this version reads 2"):
        UserRow.decode(first)
