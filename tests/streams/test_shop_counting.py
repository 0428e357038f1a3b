"""Counts of items from batches of clicks: each event once, whatever a crash has left behind."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import RejectedError, RowFormatError
from streams.events import Click
from streams.outbox import Outbox
from streams.records import encode
from streams.runs import Run
from streams.shop_count_record import ShopCount, decode_shop_count, is_count, stored_key
from streams.step import RecommendationStep
from tests.streams.test_step import CLAIM, OneItem, Rows, a_step, run_of

NOW_MS = int(time.time() * 1000)


def counting(rows: Rows) -> RecommendationStep:
    return a_step(rows, OneItem(), shop_counts="counts")


def click(n: int, item: str | None = "i1", kind: str = "purchase", **more: object) -> Click:
    fields = {"event_id": f"e{n}", "user_id": f"u{n % 3}", "at_ms": NOW_MS + n}
    return Click(**(fields | {"type": kind, "item_id": item} | more))  # type: ignore[arg-type]


def runs(*clicks: Click, begin: int = 0) -> list[Run]:
    return [run_of(*((c.user_id.encode(), encode(c)) for c in clicks), begin=begin)]


def told(outbox: Outbox) -> dict[str, ShopCount]:
    """What a batch says of each item."""
    records = [decode_shop_count(each["value"]) for each in outbox.messages.get("counts", [])]
    return {record.item_id: record for record in records}


def totals(record: ShopCount) -> tuple[int, int, float, float]:
    counts = record.counts
    return counts.again, counts.buyers, round(counts.bought[-1], 4), round(counts.looked[-1], 4)


def test_a_batch_says_once_of_each_item_what_has_become_of_its_counts() -> None:
    log = [click(0), click(1, kind="view"), click(2, "i2"), click(3), click(4, None, "visit")]
    outbox = counting(Rows())(runs(*log), CLAIM)
    assert {item: totals(record) for item, record in told(outbox).items()} == {
        "i1": (1, 1, 2.0, 1.0),  # e0 and e3 are of one user
        "i2": (0, 1, 1.0, 0.0),
    }
    assert {item: record.offset for item, record in told(outbox).items()} == {"i1": 4, "i2": 3}
    stored = {key: body for key, body in outbox.rows[0].items() if is_count(key)}
    assert stored == {
        stored_key("C:0", record.item_id): encode(record) for record in told(outbox).values()
    }
    keys = [message["key"] for message in outbox.messages["counts"]]
    assert keys == [b"C:0:i1", b"C:0:i2"]


def test_a_region_is_that_of_the_context_and_a_first_basket_is_a_newcomers() -> None:
    rows, step_at = Rows(), 0
    context = {"region": "Bavaria", "country": "Germany"}
    log = [
        click(0, user_id="u", context=context, price=2.5),
        click(1, user_id="u", context={"country": "France"}),
        click(2, user_id="v", context={"country": 7}),
        click(3, user_id="u", at_ms=NOW_MS - 40 * 3600 * 1000),
        click(4, user_id="u"),
    ]
    for each in log:
        outbox = counting(rows)(runs(each, begin=step_at), CLAIM)
        rows.update(outbox.rows[0])
        step_at += 1
    counts = told(outbox)["i1"].counts
    assert {name: round(n, 2) for name, n in counts.regions.items()} == {"Bavaria": 1, "France": 1}
    newcomers = {name: round(n, 1) for name, n in counts.newcomers.items()}
    assert newcomers == {"Bavaria": 1, "France": 1, "": 1.9}, "the last knew of a day before"
    assert counts.price == 2.5


def test_no_dead_letter_no_repeat_and_no_other_topic_is_counted() -> None:
    rows = Rows()
    good = click(0)
    bad = run_of((b"u0", b"{}"), (b"someone else", encode(click(1))), begin=1)
    outbox = counting(rows)([*runs(good), bad], CLAIM)
    assert len(outbox.letters) == 2
    rows.update(outbox.rows[0])
    again = counting(rows)(runs(good, begin=3), CLAIM)  # its publisher tried twice
    assert totals(told(outbox)["i1"]) == (0, 1, 1.0, 0.0)
    assert "counts" not in again.messages


def test_a_message_under_the_key_of_a_count_is_a_dead_letter_and_no_row() -> None:
    rows = Rows()
    rows.update(counting(rows)(runs(click(0)), CLAIM).rows[0])
    outbox = counting(rows)([run_of((stored_key("C:0", "i1"), encode(click(1))), begin=1)], CLAIM)
    assert len(outbox.letters) == 1
    assert not outbox.rows[0]


def test_without_the_setting_nothing_is_counted() -> None:
    outbox = a_step(Rows(), OneItem())(runs(click(0)), CLAIM)
    assert not any(map(is_count, outbox.rows[0]))
    assert outbox.messages.keys() == {"lists"}


@pytest.mark.parametrize(
    "kept", ["nothing", "the user's row", "the count", "both"], ids=lambda kept: kept.split()[-1]
)
def test_a_batch_that_comes_again_counts_each_event_once(kept: str) -> None:
    """Each line of the crash table: what was durable when the worker died, and its position not."""
    rows, log = Rows(), [click(0), click(3), click(6, kind="view"), click(1, "i2")]
    rows.update(counting(rows)(runs(log[0]), CLAIM).rows[0])
    first = counting(rows)(runs(*log[1:], begin=1), CLAIM)
    wanted = {"nothing": [], "the user's row": [False], "the count": [True], "both": [False, True]}
    rows.update({k: row for k, row in first.rows[0].items() if is_count(k) in wanted[kept]})
    again = counting(rows)(runs(*log[1:], begin=1), CLAIM)
    assert told(again) == told(first)
    assert totals(told(again)["i1"]) == (1, 1, 2.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("pv"), st.integers(0, 3)), max_size=25),
    st.integers(0, 2**32),
)
def test_counts_are_those_of_a_plain_recount_however_batches_are_cut_and_redelivered(
    what: Sequence[tuple[str, int]], seed: int
) -> None:
    rng = random.Random(seed)
    log = [
        click(n, f"i{item}", "purchase" if kind == "p" else "view")
        for n, (kind, item) in enumerate(what)
    ]
    rows, at, latest = Rows(), 0, dict[str, ShopCount]()
    while at < len(log):
        end = rng.randint(at + 1, len(log))
        outbox = counting(rows)(runs(*log[at:end], begin=at), CLAIM)
        lost = rng.random() < 0.4
        # At least once: what was acknowledged before the crash stays, the position does not move.
        kept = {k: v for k, v in outbox.rows[0].items() if not lost or rng.random() < 0.5}
        rows.update(kept)
        latest.update({i: r for i, r in told(outbox).items() if stored_key("C:0", i) in kept})
        at = at if lost else end
    for n in range(4):
        of = [each for each in log if each.item_id == f"i{n}"]
        if of:
            bought = [each for each in of if each.type == "purchase"]
            again = len(bought) - len({each.user_id for each in bought})
            looks = float(len(of) - len(bought))
            expected = (again, len(bought) - again, float(len(bought)), looks)
            assert totals(latest[f"i{n}"]) == expected


def test_a_damaged_count_is_fatal_and_says_what_to_do() -> None:
    rows = Rows({stored_key("C:0", "i1"): b"[]"})
    with pytest.raises(RowFormatError, match="changelog has it"):
        counting(rows)(runs(click(0)), CLAIM)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bought": [-1, 0, 0, 0, 0, 0]}, "below 0"),
        ({"at_ms": 9_102_444_800_000}, "after 2100"),
        ({"latest_ms": 2**63}, "after 2100"),
        ({"price_ms": 2**63, "price": 1}, "after 2100"),
        ({"buyers": 2**70}, "above"),
        ({"bought": [1, 2]}, ">= 6"),
        ({"newcomers": {"": "many"}}, "float"),
    ],
)
def test_a_record_that_counts_the_impossible_is_refused(change: dict[str, Any], why: str) -> None:
    record = msgspec.to_builtins(told(counting(Rows())(runs(click(0)), CLAIM))["i1"])
    record["counts"] |= change
    with pytest.raises(RejectedError, match=why):
        decode_shop_count(msgspec.json.encode(record))
