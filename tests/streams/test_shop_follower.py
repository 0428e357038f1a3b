"""Counts of other workers are put in between two batches, by the thread that ranks."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Producer
from msgspec import structs

from index import Catalogue, Item
from scoring.item_counts import ItemCounts
from scoring.shop_counts import ShopCounts
from streams.kafka_config import producer_config
from streams.live.shop_follower import CountsFollowed, Newest, ShopFollower
from streams.metrics import StepMetrics
from streams.records import encode
from streams.settings import Settings
from streams.shop_count_record import ShopCount
from streams.topics import create_topics

NOW_MS = 1_760_000_000_000
SHOP = Catalogue.from_items([Item(item_id=f"i{n}", title="x") for n in range(50)])


def record(partition: int, item: int, n: int) -> ShopCount:
    counts = ItemCounts.first(NOW_MS)
    for _ in range(n):
        counts = counts.observe("purchase", NOW_MS)
    return ShopCount(source=f"C:{partition}", item_id=f"i{item}", offset=n, counts=counts)


class Records:
    """Records in the order of the topic, and one failure."""

    def __init__(self, records: list[ShopCount]) -> None:
        self.waiting = records
        self.closed = False
        self.failed = False

    def read(self, at_most: int, wait_s: float) -> Newest:
        if not self.waiting:
            time.sleep(0.005)
        found, self.waiting = self.waiting[:at_most], self.waiting[at_most:]
        if not self.failed and not found:
            self.failed = True
            raise OSError("the broker went away")
        newest: Newest = {each.key: encode(each) for each in found}
        return newest | {b"bad": b"{}"} if found else newest

    def close(self) -> None:
        self.closed = True


class Noting(ShopCounts):
    """Notes who puts counts in, and has one failure."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()
        self.failed = False

    def put(self, part: str, item_id: str, counts: ItemCounts) -> None:
        self.threads.add(threading.current_thread().name)
        if item_id == "bad":
            self.failed = True
            raise OverflowError("a fault of ours")
        super().put(part, item_id, counts)


def test_the_newest_record_of_each_partition_counts_whatever_came_before() -> None:
    records = [record(p, item, n) for n in range(1, 6) for item in range(50) for p in range(3)]
    records.append(structs.replace(records[0], item_id="bad"))
    shop, reader = Noting(), Records(records)
    metrics = StepMetrics()
    with ThreadPoolExecutor(1, "compute") as executor:
        follower = ShopFollower(CountsFollowed(shop, reader), executor.submit, metrics)
        follower.start()
        wait_for(shop, 15.0)
        reader.waiting = [record(1, 49, 7)]  # after the failure, and when all was quiet
        wait_for(shop, 17.0)
        follower.close()
    assert reader.closed
    assert reader.failed
    assert shop.failed
    assert shop.columns(SHOP, NOW_MS).bought[0].tolist() == [15.0] * 49 + [17.0]
    assert (metrics.registry.get_sample_value("rillstream_shop_counts_unreadable_total") or 0) >= 2
    assert {name.rstrip("_0123456789") for name in shop.threads} == {"compute"}


def test_a_worker_begins_with_all_that_is_on_the_topic(embedded: Settings) -> None:
    settings = embedded.model_copy(update={"shop_counts": True})
    create_topics(settings)
    producer, topic = Producer(producer_config(settings)), settings.topic("shop_counts")
    for n in range(1, 4):
        for item in range(20):
            each = record(item % 3, item, n)
            producer.produce(topic, encode(each), each.key)
    producer.produce(topic, b"{}", b"bad")
    assert producer.flush(20) == 0
    metrics = StepMetrics()
    counts = CountsFollowed.open(settings, metrics)
    assert counts.shop.columns(SHOP, NOW_MS).bought[0].tolist() == [3.0] * 20 + [0.0] * 30
    assert metrics.registry.get_sample_value("rillstream_shop_counts_unreadable_total") == 1
    each = record(0, 49, 5)
    producer.produce(topic, encode(each), each.key)
    assert producer.flush(20) == 0
    found: Newest = {}
    while not found:
        found = counts.reader.read(100, 1.0)
    assert found == {each.key: encode(each)}
    counts.reader.close()


def wait_for(shop: ShopCounts, last: float) -> None:
    deadline = time.monotonic() + 20
    while shop.columns(SHOP, NOW_MS).bought[0, 49] != last:
        assert time.monotonic() < deadline
        time.sleep(0.005)
