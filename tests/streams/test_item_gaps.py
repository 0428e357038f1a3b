"""What other encoders' workers have taken is found by the notes, and encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from numpy.typing import NDArray

import index
from index.hashes import text_hashes
from index.known import Known
from streams.item_changes import Deletion, Upsert
from streams.item_gaps import Gap, ItemGaps
from streams.items import Item
from streams.kafka_config import client_config, producer_config
from streams.records import encode
from streams.row import Source
from streams.settings import Settings
from streams.topics import create_topics, topic_ids


class Tower:
    """Notes what it had to encode."""

    version = "b"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def item_text(self, item: index.Item) -> str:
        return item.title

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.ones((len(texts), 1), np.float32)


class Shop:
    """The items topic, and where the group stands in its first partition."""

    def __init__(self, settings: Settings) -> None:
        create_topics(settings)
        self.settings = settings
        self.topic = settings.topic("items")
        self.source = f"{topic_ids(settings, [self.topic])[self.topic]}:0"
        self._producer = Producer(producer_config(settings))

    def put(self, *item_ids: str, title: str = "Title") -> None:
        for item_id in item_ids:
            item = Item(item_id=item_id, title=f"{title} of {item_id}")
            self._producer.produce(self.topic, encode(item), item_id.encode(), partition=0)
        assert self._producer.flush(10) == 0

    def delete(self, item_id: str) -> None:
        self._producer.produce(self.topic, None, item_id.encode(), partition=0)
        assert self._producer.flush(10) == 0

    def commit(self, position: int, note: str) -> None:
        consumer = Consumer({**client_config(self.settings), "group.id": self.settings.app_id})
        at = TopicPartition(self.topic, 0, position, note)
        consumer.commit(offsets=[at], asynchronous=False)
        consumer.close()

    def gaps(self, items_read: dict[str, int] | None = None, *, whole: bool = False) -> ItemGaps:
        return ItemGaps(self.settings, Tower.version, items_read or {}, whole=whole)


@pytest.fixture
def shop(embedded: Settings) -> Shop:
    return Shop(embedded)


def left(gaps: ItemGaps, *struck: Deletion | Upsert) -> tuple[list[Deletion | Upsert], list[str]]:
    """What is encoded at the start, and the texts that it took."""
    tower, lacking = Tower(), gaps.newest(timeout_s=10)
    for change in struck:
        lacking.settled(change)
    known = Known(text_hashes("b", ["Title of known"]), np.full((1, 1), 7, np.float32))
    parts = gaps.changes(lacking, tower, lambda: [known], timeout_s=10)
    return [change for part in parts for change in part], tower.asked


def test_only_what_this_encoder_has_not_taken_is_encoded(shop: Shop) -> None:
    shop.put("x", "y", "known")
    shop.delete("y")
    shop.put("x", title="New title")
    shop.put("own")
    shop.commit(6, "b@5")
    gaps = shop.gaps()
    assert gaps.gaps == [Gap(0, 0, 5)]
    assert gaps.positions[shop.source] == 6
    changes, asked = left(gaps)
    assert asked == ["New title of x"]
    assert [(change.item_id, change.origin) for change in changes] == [
        ("known", Source(shop.source, 2)),
        ("y", Source(shop.source, 3)),
        ("x", Source(shop.source, 4)),
    ]
    assert isinstance(changes[0], Upsert)
    assert changes[0].vector.tolist() == [7]
    assert isinstance(changes[1], Deletion)


@pytest.mark.parametrize(
    ("note", "items_read", "whole", "begin_end"),
    [
        ("b@0", 0, False, None),
        ("", 0, False, None),
        ("a@0", 0, False, (0, 4)),
        ("a@0", 3, False, (3, 4)),
        ("b@2", 3, False, None),
        ("b@2", 3, True, (0, 2)),
    ],
)
def test_a_gap_is_what_neither_version_nor_topic_has(
    shop: Shop, note: str, items_read: int, whole: bool, begin_end: tuple[int, int] | None
) -> None:
    shop.put("x", "y", "z", "w")
    shop.commit(4, note)
    gaps = shop.gaps({shop.source: items_read}, whole=whole)
    assert gaps.gaps == ([] if begin_end is None else [Gap(0, *begin_end)])
    gaps.close()


def test_what_the_encoders_topic_has_as_new_is_left_out(shop: Shop) -> None:
    shop.put("x", "y", "z")
    shop.commit(3, "a@0")
    newer = Deletion("x", 1, Source(shop.source, 9))
    older = Deletion("y", 1, Source(shop.source, 0))
    elsewhere = Deletion("z", 1, Source("a topic of that name, before:0", 9))
    changes, _ = left(shop.gaps(), newer, older, elsewhere)
    assert [change.item_id for change in changes] == ["y", "z"]


def test_what_this_encoder_has_taken_since_is_not_taken_from_a_gap(shop: Shop) -> None:
    """Its topic is compacted by itself: it may have forgotten a deletion that the items' still has.

    Then the record in the gap would bring back what was deleted.
    """
    shop.put("deleted", "changed", "left")
    shop.delete("deleted")
    shop.put("changed", title="New title")
    shop.commit(5, "b@3")
    gaps = shop.gaps()
    assert gaps.gaps == [Gap(0, 0, 3)]
    _, asked = left(gaps)
    assert asked == ["Title of left"]


def test_what_the_items_topic_has_nothing_more_of_was_deleted(shop: Shop) -> None:
    """Another encoder's worker took the deletion, so this encoder's topic never heard of it."""
    shop.put("there", "there", "not taken yet")
    shop.delete("deleted")
    shop.commit(2, "a@1")
    lacking = shop.gaps().newest(timeout_s=10)

    def is_deleted(item_id: str, offset: int, source: str = shop.source) -> bool:
        item = index.Item(item_id=item_id, title="Title")
        change = Upsert(item, np.ones(1, np.float32), 1, Source(source, offset))
        found = lacking.settled(change)
        assert found in (change, Deletion(item_id, 1, change.origin))
        return found is not change

    assert is_deleted("forgotten", 1)
    for item_id in ("there", "not taken yet", "deleted"):  # its record comes by another way
        assert not is_deleted(item_id, 1)
    assert not is_deleted("newer than all that was looked at", 2)
    assert not is_deleted("of another partition", 1, f"{shop.source}1")
    lacking = shop.gaps({shop.source: 1}).newest(timeout_s=10)
    assert not is_deleted("older than all that was looked at", 0)


def test_what_no_worker_could_read_hides_no_item_in_a_gap(shop: Shop) -> None:
    """It went to the dead letters, and the item stayed as it was."""
    shop.put("x", "y")
    producer = Producer(producer_config(shop.settings))
    for item_id in ("x", "y"):
        producer.produce(shop.topic, b'{"item_id": "%s"}' % item_id.encode(), item_id, partition=0)
    assert producer.flush(10) == 0
    shop.commit(4, "a@0")
    assert left(shop.gaps())[1] == ["Title of x", "Title of y"]
    shop.commit(4, "b@3")
    assert left(shop.gaps())[1] == ["Title of x", "Title of y"]


def test_a_gap_holds_items_as_long_as_workers_take_them(shop: Shop) -> None:
    long = b'{"item_id": "x", "title": "Mug", "page": "%s"}' % (b"-" * 70_000)
    producer = Producer(producer_config(shop.settings))
    producer.produce(shop.topic, long, b"x", partition=0)
    assert producer.flush(10) == 0
    shop.commit(1, "a@0")
    assert left(shop.gaps()) == ([], [])
    shop.settings = shop.settings.model_copy(update={"max_message_bytes": 100_000})
    _, asked = left(shop.gaps())
    assert asked == ["Mug"]


def test_what_is_deleted_in_a_gap_is_not_there(shop: Shop) -> None:
    shop.put("x", "y")
    shop.delete("x")
    shop.commit(3, "a@0")
    lacking = shop.gaps().newest(timeout_s=10)
    assert lacking.there() == {"y"}


def test_gaps_that_grow_are_followed_until_the_encoder_takes_over(shop: Shop) -> None:
    shop.put("x")
    shop.commit(1, "b@0")
    gaps, tower = shop.gaps(), Tower()
    assert gaps.follow(tower) == []
    shop.put("taken by a", "taken by a too")
    assert gaps.follow(tower) == []  # nobody has taken them yet
    shop.commit(3, "a@1")
    assert [change.item_id for change in gaps.follow(tower)] == ["taken by a", "taken by a too"]
    assert gaps.follow(tower) == []
    shop.put("by a at last", "by b")
    shop.commit(5, "b@4")
    assert [change.item_id for change in gaps.follow(tower)] == ["by a at last"]
    shop.put("by b again")
    shop.commit(6, "b@4")
    assert gaps.follow(tower) == []
    gaps.close()
