"""Clients that lose all brokers: noticed, replaced, and calls that never end are left behind."""

import threading
import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Producer, TopicPartition

from streams.connection import AbandonedError, Calls, Lost, PartitionReader
from streams.kafka_config import consumer_config, producer_config
from streams.settings import Settings
from streams.topics import ensure_topic

DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN)
OTHER = KafkaError(KafkaError._TRANSPORT)


def never() -> bool:
    return False


def test_only_the_loss_of_all_brokers_counts_and_all_errors_are_passed_on() -> None:
    passed: list[KafkaError] = []
    lost = Lost(passed.append)
    lost(OTHER)
    assert not lost
    lost(DOWN)
    assert lost
    assert passed == [OTHER, DOWN]


def test_a_call_gives_its_result_or_its_error() -> None:
    calls = Calls()
    assert calls.call(lambda: 5, never, 1) == 5
    with pytest.raises(ZeroDivisionError):
        calls.call(lambda: 1 / 0, never, 1)
    assert calls.call(lambda: 6, never, 1) == 6


def test_calls_share_a_thread_until_one_is_abandoned() -> None:
    calls, hanging, ended = Calls(), threading.Event(), threading.Event()

    def hang() -> None:
        hanging.wait(10)
        ended.set()

    first = calls.call(threading.get_ident, never, 1)
    assert calls.call(threading.get_ident, never, 1) == first
    with pytest.raises(AbandonedError):
        calls.call(hang, lambda: True, 0.01)
    assert calls.call(threading.get_ident, never, 1) != first
    hanging.set()
    assert ended.wait(5), "what was abandoned may go on, in its own thread"


def test_a_slow_call_is_asked_about_and_not_given_up_without_reason() -> None:
    asked: list[float] = []

    def give_up() -> bool:
        asked.append(time.monotonic())
        return False

    calls = Calls()
    assert calls.call(lambda: time.sleep(0.2) or 7, give_up, 0.05) == 7  # type: ignore[func-returns-value]
    assert len(asked) >= 2


def test_a_reader_goes_on_where_it_was_with_a_new_client(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.connection.REPLACE_EVERY_S", 0.0)
    ensure_topic(embedded, "log")
    reader = PartitionReader(
        consumer_config(embedded, "g"), [TopicPartition("log", 0, OFFSET_BEGINNING)]
    )
    producer = Producer(producer_config(embedded))
    for n in range(3):
        producer.produce("log", b"x", partition=0)
        producer.flush(10)
        before = reader._consumer
        assert next_offset(reader) == n
        reader._lost(DOWN)
        while reader._consumer is before:
            assert reader.consume(1, 0.1) == [], "nothing is read twice"
    reader.close()


def next_offset(reader: PartitionReader) -> int | None:
    """The offset of the next record."""
    for _ in range(100):
        for message in reader.consume(1, 0.1):
            if message.error() is None:
                return message.offset()
    raise AssertionError("nothing arrived")
