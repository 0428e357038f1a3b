"""What a user bought: the newest of a set, however it was put together, and its columns."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.bought import MAX_BOUGHT, MOST_PIECES, Bought, BoughtLog

entries = st.builds(
    Bought,
    event=st.integers(0, 3) | st.integers(0, 2**32 - 1),
    item_id=st.integers(0, 9).map("i{}".format) | st.text(min_size=1, max_size=20),
    at_ms=st.integers(0, 5) | st.integers(0, 4_102_444_800_000),
    pieces=st.integers(1, 1_000_000),
    type=st.sampled_from("pr"),
)


def newest(log: list[Bought]) -> list[Bought]:
    """The set in the order of the log, worked out at once."""

    def order(entry: Bought) -> tuple[object, ...]:
        returned = entry.type == "r"
        return (entry.at_ms, entry.event, entry.pieces, returned, entry.item_id)

    distinct = {msgspec.structs.astuple(entry): entry for entry in log}
    return sorted(distinct.values(), key=order, reverse=True)[:MAX_BOUGHT]


@settings(max_examples=50)
@given(st.lists(entries, max_size=20), st.randoms(use_true_random=False))
def test_a_log_is_the_set_of_its_entries_newest_first(
    log: list[Bought], rng: random.Random
) -> None:
    late = log + rng.choices(log, k=len(log)) if log else []
    rng.shuffle(late)
    found = BoughtLog.of(late)
    assert list(found) == newest(log)
    assert found == BoughtLog.of(log)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=BoughtLog) == found


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_a_full_log_keeps_the_newest_in_whatever_order_they_come(seed: int) -> None:
    rng = random.Random(seed)
    log = [
        Bought(
            rng.getrandbits(32), f"i{rng.randrange(40)}", rng.randrange(400), rng.randrange(1, 9)
        )
        for _ in range(MAX_BOUGHT + 150)
    ]
    assert list(BoughtLog.of(log)) == newest(log)


def test_more_pieces_than_fit_are_as_many_as_fit() -> None:
    assert BoughtLog.of([Bought(1, "i1", 5, 1 << 40)])[0].pieces == MOST_PIECES


def test_a_log_whose_parts_do_not_belong_together_is_not_read() -> None:
    with pytest.raises(msgspec.ValidationError, match="1 purchases in 12 bytes"):
        msgspec.msgpack.decode(msgspec.msgpack.encode([b"x" * 12, ["i1"]]), type=BoughtLog)
