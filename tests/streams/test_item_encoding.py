"""The items lane notes with which encoder it took what, also when that changes on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

import index
from streams.agents.items import EncodeItems
from streams.item_gaps import end_of_gap
from streams.item_origin import Taken
from streams.items import Item, ItemVector
from streams.metrics import StepMetrics
from streams.outbox import Outbox
from streams.records import encode
from streams.runs import Claim, Run


class Tower:
    def __init__(self, version: str) -> None:
        self.version = version

    def item_text(self, item: index.Item) -> str:
        return item.title

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), np.float32)


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 1
    headers: tuple[tuple[str, bytes], ...] = ()


FIRST, SECOND = Claim(1, 1, b""), Claim(2, 2, b"")


class Lane:
    """Runs of one partition, one after the other, and what the group has committed."""

    def __init__(self, tower: str, committed: tuple[int | None, str] = (None, "")) -> None:
        self.committed = committed
        self.encode = EncodeItems(
            Tower(tower),
            lambda version: f"vectors-{version}",
            lambda: {("items", 0): self.committed},
            "id-of-items",
            max_bytes=10_000,
            metrics=StepMetrics(),
        )

    def take(self, n: int, claim: Claim = FIRST) -> Outbox:
        begin = self.committed[0] or 0
        records = [
            Record(offset, b"i", encode(Item(item_id="i", title=f"At {offset}")))
            for offset in range(begin, begin + n)
        ]
        outbox = self.encode([Run("items", 0, begin, begin + n, records, claim)], claim)
        self.committed = (begin + n, outbox.notes["items", 0])
        return outbox


def test_the_newest_of_a_batch_goes_out_with_its_origin() -> None:
    (sent,) = Lane("a").take(3).marked
    assert (sent.topic, sent.key) == ("vectors-a", b"i")
    assert list(sent.headers) == [("item", b"id-of-items:0:2")]
    assert msgspec.json.decode(sent.value or b"", type=ItemVector).item.title == "At 2"


def test_a_deletion_says_where_it_was_said() -> None:
    lane = Lane("a")
    outbox = lane.encode([Run("items", 0, 0, 1, [Record(0, b"gone", None)], FIRST)], FIRST)
    (sent,) = outbox.marked
    assert (sent.key, sent.value, list(sent.headers)) == (
        b"gone",
        None,
        [("item", b"id-of-items:0:0")],
    )


def test_another_encoder_begins_where_the_one_before_ended() -> None:
    lane = Lane("a")
    assert lane.take(5).notes == {("items", 0): "a@0"}
    lane.encode.use(Tower("b"))
    assert [letter.topic for letter in lane.take(2).marked] == ["vectors-b"]
    assert lane.committed == (7, "b@5")
    lane.take(3)
    lane.encode.use(Tower("a"))
    lane.take(1)
    assert lane.committed == (11, "a@10")
    assert lane.encode.outputs == ["vectors-a", "vectors-b"]


@pytest.mark.parametrize(
    ("committed", "note"),
    [
        ((None, ""), "b@0"),  # nobody has read the topic yet
        ((40, ""), "b@0"),  # by a release that knew one encoder only
        ((40, "b@12"), "b@12"),
        ((40, "a@12"), "b@40"),
        ((40, "what@is@this"), "b@0"),
    ],
)
def test_a_new_claim_goes_on_from_what_was_noted(
    committed: tuple[int | None, str], note: str
) -> None:
    lane = Lane("b", committed)
    assert lane.take(1, SECOND).notes == {("items", 0): note}


@pytest.mark.parametrize(
    ("position", "note", "end"),
    [(100, "a@0", 0), (100, "a@30", 30), (100, "b@0", 100), (100, "", 0), (0, "", 0)],
)
def test_a_gap_ends_where_the_encoder_took_over(position: int, note: str, end: int) -> None:
    assert end_of_gap(position, note, "a") == end


def test_a_note_is_read_as_it_was_written() -> None:
    taken = Taken("bert-384-0123@456789ab", 17)
    assert Taken.parse(taken.note()) == taken
