"""A shop on a real broker for crash tests: events of known truth, a reader, a verdict."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from index import Catalogue, IndexStore, Item, build_index
from scoring.item_counts import DAY_MS
from streams.agents import clicks, searches
from streams.connection import REPLACE_EVERY_S, Lost, PartitionReader
from streams.decision import Shop
from streams.events import Click, Search
from streams.kafka_config import client_config, consumer_config, producer_config
from streams.list_records import recommendation_id
from streams.outputs import Recommendation, decode_recommendation
from streams.records import encode
from streams.row import Source, UserRow
from streams.settings import Settings
from streams.shop_count_record import ShopCount, decode_shop_count, is_count
from streams.topics import changelog_topic, create_topics, topic_ids
from tests.integration.worker_process import log_tails

DIM, N_ITEMS = 16, 60
TYPES = ("view", "click", "cart", "purchase", "return", "visit")


def make_settings(bootstrap: str, folder: Path, **changes: object) -> Settings:
    """Settings of one test's shop: names of its own, a short session, small batches."""
    values: dict[str, object] = {
        "bootstrap_servers": bootstrap,
        "app_id": f"app-{folder.name}",
        "topic_prefix": f"{folder.name}.",
        "state_dir": folder / "state",
        "index_dir": folder / "indexes",
        "session_timeout_s": 4,
        "heartbeat_s": 1,
        "batch_max": 128,
        "slate_size": 3,
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


def build_tiny_index(settings: Settings) -> None:
    """Sixty items in three categories, with vectors at random."""
    vectors = np.random.default_rng(3).standard_normal((N_ITEMS, DIM)).astype(np.float32)
    items = [
        Item(item_id=f"i{n}", title=f"Thing {n}", category=f"c{n % 3}", price=float(n + 1))
        for n in range(N_ITEMS)
    ]
    build_index(IndexStore(settings.index_dir), items, vectors, encoder_version="none")


def make_events(n: int, *, n_users: int, seed: int) -> list[Click | Search]:
    """Clicks and one search in ten; some about items that the index does not know."""
    rng = random.Random(seed)
    now = int(time.time() * 1000) - 3600_000
    events: list[Click | Search] = []
    for number in range(n):
        user, at_ms = f"u{rng.randrange(n_users)}", now + number - rng.randrange(2000)
        if number % 10 == 0:
            events.append(
                Search(
                    event_id=f"s{number}", user_id=user, type="search", query="red box", at_ms=at_ms
                )
            )
            continue
        kind = rng.choice(TYPES)
        item = None if kind == "visit" else f"i{rng.randrange(N_ITEMS + 5)}"
        events.append(
            Click(event_id=f"e{number}", user_id=user, type=kind, at_ms=at_ms, item_id=item)  # type: ignore[arg-type]
        )
    return events


def grow(settings: Settings, topic: str, n_partitions: int) -> None:
    """Give a topic more partitions; returns when the broker itself knows them.

    It answers before: a producer that asks it meanwhile loses what it has for the new ones.
    """
    admin = AdminClient(client_config(settings))
    admin.create_partitions([NewPartitions(topic, n_partitions)])[topic].result()
    while len(admin.list_topics(topic, timeout=10).topics[topic].partitions) < n_partitions:
        time.sleep(0.05)


class EventLog:
    """What was published, by topic and partition: the truth that lists and rows must meet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failed: list[Click | Search] = []
        self._connect()
        self.written: dict[tuple[str, int, int], Click | Search] = {}

    def publish(self, events: list[Click | Search], *, per_s: float | None = None) -> None:
        """Send events, at a rate or as fast as possible; returns when all are acknowledged."""
        begun = time.monotonic()
        for number, event in enumerate(events):
            if per_s is not None:
                time.sleep(max(0.0, begun + number / per_s - time.monotonic()))
            self._send(event)
            self._send_failed()
        while self._producer.flush(0.5) or self._failed:
            self._send_failed()

    def read_back(self, events: list[Click | Search]) -> None:
        """Take the topics' word for what was written: what failed may have been, and was resent."""
        by_id = {event.event_id: event for event in events}
        topics = [self._settings.topic("clicks"), self._settings.topic("searches")]
        for message in read_all(self._settings, topics):
            event = msgspec.json.decode(message.value() or b"")
            place = (message.topic(), message.partition(), message.offset())
            self.written[place] = by_id[event["event_id"]]  # type: ignore[index]

    def _connect(self) -> None:
        self._lost = Lost()
        self._producer = Producer(producer_config(self._settings, error_cb=self._lost))
        self._connected_s = time.monotonic()

    def _send(self, event: Click | Search) -> None:
        topic = self._settings.topic("clicks" if isinstance(event, Click) else "searches")

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self.written[message.topic(), message.partition(), message.offset()] = event  # type: ignore[index]
            else:
                self._failed.append(event)

        self._producer.produce(topic, encode(event), event.user_id.encode(), on_delivery=delivered)
        self._producer.poll(0)

    def _send_failed(self) -> None:
        if self._lost and time.monotonic() - self._connected_s > REPLACE_EVERY_S:
            self._producer.purge()
            self._producer.flush(5)
            self._connect()
        failed, self._failed = self._failed, []
        for event in failed:
            self._send(event)

    def list_ids(self) -> set[str]:
        """The id of the one list that each event must have led to."""
        ids = self._ids()
        return {recommendation_id(Source(f"{ids[t]}:{p}", o)) for t, p, o in self.written}

    def fold(self, catalogue: Catalogue) -> dict[str, UserRow]:
        """Every user's row, computed offline from the same events in each partition's order."""
        ids, rows = self._ids(), dict[str, UserRow]()
        shop = Shop(catalogue, int(time.time() * 1000), 65_536)
        for (topic, partition, offset), event in sorted(self.written.items(), key=lambda e: e[0]):
            apply = clicks.apply if isinstance(event, Click) else searches.apply
            record = _Written(offset, event.user_id.encode(), encode(event))
            row = rows.get(event.user_id, UserRow.empty())
            rows[event.user_id], _ = apply(
                record, Source(f"{ids[topic]}:{partition}", offset), row, shop
            )
        return rows

    def _ids(self) -> dict[str, str]:
        settings = self._settings
        return topic_ids(settings, [settings.topic("clicks"), settings.topic("searches")])


class _Written:
    """A record as it was published."""

    def __init__(self, offset: int, key: bytes, value: bytes) -> None:
        self.offset, self.key, self.value = offset, key, value
        self.timestamp = 0
        self.headers = ()


class Reader(threading.Thread):
    """A subscriber that reads committed lists, counts each id and notes when it arrived."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._logs = settings.state_dir.parent
        topic = settings.topic("recommendations")
        self._reader = PartitionReader(
            consumer_config(settings, f"reader-{settings.app_id}"),
            [TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(settings.partitions)],
        )
        self._done = threading.Event()
        self.seen: Counter[str] = Counter()
        self.arrived_s: list[float] = []
        self.last: Recommendation | None = None

    def run(self) -> None:
        """Read until closed; a broker that is away comes back."""
        while not self._done.is_set():
            for message in self._reader.consume(500, 0.1):
                if message.error() is None:
                    self.last = decode_recommendation(message.value())
                    self.note(self.last)
                    self.seen[self.last.recommendation_id] += 1
                    self.arrived_s.append(time.monotonic())
        self._reader.close()

    def note(self, found: Recommendation) -> None:
        """Called with each list; some tests look closer."""

    def wait_for(self, n: int, timeout_s: float) -> None:
        """Until so many different lists have been seen; a failure shows what the workers said."""
        deadline = time.monotonic() + timeout_s
        while len(self.seen) < n:
            if time.monotonic() > deadline:
                told = f"{len(self.seen)} of {n} lists after {timeout_s} s"
                raise AssertionError(told + log_tails(self._logs))
            time.sleep(0.05)

    def close(self) -> None:
        """Stop reading."""
        self._done.set()
        self.join(20)


def open_shop(bootstrap: str, folder: Path, **changes: object) -> Settings:
    """Topics and index of a test's own."""
    settings = make_settings(bootstrap, folder, **changes)
    create_topics(settings)
    build_tiny_index(settings)
    return settings


def read_all(settings: Settings, topics: list[str]) -> Iterator[Message]:
    """Every committed record of these topics, in each partition's order."""
    consumer = Consumer(
        consumer_config(settings, f"all-{settings.app_id}", **{"enable.partition.eof": True})
    )
    left = {(topic, partition) for topic in topics for partition in range(settings.partitions)}
    consumer.assign([TopicPartition(*source, OFFSET_BEGINNING) for source in left])
    while left:
        for message in consumer.consume(1000, 1.0):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard((message.topic(), message.partition()))
    consumer.close()


def changelog_rows(settings: Settings) -> dict[str, UserRow]:
    """The newest committed row of each user."""
    return {
        (message.key() or b"").decode(): UserRow.decode(message.value() or b"")
        for message in read_all(settings, [changelog_topic(settings)])
        if not is_count(message.key() or b"")
    }


def check_exactly_once(settings: Settings, log: EventLog, reader: Reader) -> None:
    """Nothing lost, nothing twice, and every row equals the offline fold of the same events."""
    expected = log.list_ids()
    missing, twice = expected - reader.seen.keys(), {i for i, n in reader.seen.items() if n > 1}
    assert (len(missing), len(twice)) == (0, 0), f"{len(missing)} missing, {len(twice)} twice"
    assert reader.seen.keys() == expected
    check_rows(settings, log)


def check_counts(settings: Settings, log: EventLog) -> None:
    """What the topic says of each partition and item, against a plain recount of its events."""
    ids = topic_ids(settings, [settings.topic("clicks")])
    told: dict[bytes, ShopCount] = {
        message.key() or b"": decode_shop_count(message.value())
        for message in read_all(settings, [settings.topic("shop_counts")])
    }
    events = defaultdict[bytes, list[Click]](list)
    for (topic, partition, _), event in log.written.items():
        if isinstance(event, Click) and event.item_id is not None:
            events[f"{ids[topic]}:{partition}:{event.item_id}".encode()].append(event)
    assert told.keys() == events.keys()
    for key, found in told.items():
        at_ms = max(event.at_ms for event in events[key])
        bought = [event for event in events[key] if event.type == "purchase"]
        decayed = sum(0.5 ** ((at_ms - event.at_ms) / DAY_MS) for event in bought)
        counts = found.counts
        assert (counts.at_ms, counts.again + counts.buyers) == (at_ms, len(bought)), key
        assert counts.bought[0] == pytest.approx(decayed, rel=1e-9), key
    assert sum(found.counts.again for found in told.values()) > 0


def check_rows(settings: Settings, log: EventLog) -> None:
    """Every user's newest row equals the offline fold of the same events."""
    catalogue = IndexStore(settings.index_dir).open().catalogue
    folded, stored = log.fold(catalogue), changelog_rows(settings)
    assert stored.keys() == folded.keys()
    wrong = [
        u
        for u, row in folded.items()
        if (stored[u].facts, stored[u].offsets) != (row.facts, row.offsets)
    ]
    assert not wrong, f"{len(wrong)} of {len(folded)} rows differ, {wrong[:3]}"
