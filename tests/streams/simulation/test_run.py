"""Simulated users on a broker: what they publish arrives, and lists come back to them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from streams.brokers.embedded import PARTITIONS
from streams.events import Click, decode_click, decode_impression, decode_search
from streams.kafka_config import consumer_config, producer_config
from streams.records import encode
from streams.settings import Settings
from streams.simulation import run
from streams.simulation.run import NoListsError, Pace, Simulation
from streams.topics import create_topics
from tests.streams.simulation.test_users import crowd, listed

FAR_MS = 10**15


def reader_of(settings: Settings, *topics: str) -> Consumer:
    """Reads all partitions of the embedded broker from their beginning, in no group."""
    consumer = Consumer(consumer_config(settings, "reader"))
    consumer.assign(
        [TopicPartition(topic, n, OFFSET_BEGINNING) for topic in topics for n in range(PARTITIONS)]
    )
    return consumer


@contextmanager
def answering(settings: Settings, copies: int = 1) -> Iterator[list[Click]]:
    """A worker's place: every visit and search gets a list of the shop's first ten items."""
    over = threading.Event()
    seen: list[Click] = []
    create_topics(settings)
    consumer = reader_of(settings, "clicks", "searches")
    producer = Producer(producer_config(settings))

    def answer() -> None:
        while not over.is_set():
            for message in consumer.consume(100, 0.05):
                if message.error() is not None:
                    continue
                raw = message.value()
                is_click = message.topic() == "clicks"
                event = decode_click(raw, FAR_MS) if is_click else decode_search(raw, FAR_MS)
                if isinstance(event, Click):
                    seen.append(event)
                found = listed(event, [f"i{n}" for n in range(10)])
                for _ in range(copies):
                    producer.produce("recommendations", encode(found), found.user_id)
            producer.flush(5)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        consumer.close()


def test_visits_are_answered_and_reactions_arrive(embedded: Settings) -> None:
    users = crowd(n_users=40, patience_ms=600_000)
    with answering(embedded, copies=2) as clicks:
        Simulation(embedded, users, Pace(500.0, 600.0, visits=60)).run()
    tally = users.tally
    assert (tally.visits, tally.answered, tally.late) == (60, 60, 0)
    assert tally.duplicates > 0
    assert {each.type for each in clicks} >= {"visit", "click"}
    reader = reader_of(embedded, "impressions")
    shown: list[Message] = []
    while len(shown) < 60:
        shown += [m for m in reader.consume(60, 5.0) if m.error() is None]
    reader.close()
    impressions = [decode_impression(message.value(), FAR_MS) for message in shown]
    assert all(each.simulated and len(each.item_ids) == 10 for each in impressions)


def test_silence_is_an_error_that_says_what_to_do(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SILENT_S", 0.3)
    with pytest.raises(NoListsError, match="rillstream worker"):
        Simulation(embedded, crowd(), Pace(10.0, 30.0)).run()


def test_the_rate_is_kept(embedded: Settings) -> None:
    """By a clock of the test's own: four visits a second for ten seconds are forty."""
    users = crowd(n_users=200, patience_ms=600_000)
    ticks = itertools.count()
    with answering(embedded):
        Simulation(embedded, users, Pace(4.0, 10.0), clock=lambda: next(ticks) / 2).run()
    assert users.tally.visits == pytest.approx(40, abs=3)
