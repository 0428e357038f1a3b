"""Rows from their changelog: what is read of it, and what it must not have lost."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Producer

from streams.changelog import Changelog
from streams.cli.exits import Exit, explain
from streams.errors import ChangelogLostError
from streams.kafka_config import client_config, producer_config
from streams.rows import MemoryRows
from streams.settings import Settings
from streams.topics import changelog_topic, create_topics

WAIT_S = 20.0


def filled(settings: Settings, *values: bytes | None, **more: Any) -> Changelog:
    """A changelog whose partition 0 has these rows of ann's."""
    create_topics(settings)
    topic = changelog_topic(settings)
    producer = Producer(producer_config(settings))
    for value in values:
        producer.produce(topic, value, b"ann", partition=0)
    assert producer.flush(WAIT_S) == 0
    return Changelog(client_config(settings), topic, **more)


def test_a_store_reads_what_it_has_not_seen(embedded: Settings) -> None:
    store = MemoryRows()
    store.apply({b"bob": b"kept"}, 1)
    assert filled(embedded, b"old", b"new").restore({0: store}, WAIT_S).n_rows == 1
    assert store.get_many([b"ann", b"bob"]) == [b"new", b"kept"]
    assert store.position() == 2


def test_rows_from_more_than_the_changelog_has_end_the_worker_for_good(embedded: Settings) -> None:
    """No restart brings back what the topic has lost; its supervisor must not try for ever."""
    store = MemoryRows()
    store.apply({b"ann": b"row"}, 7)
    with pytest.raises(ChangelogLostError, match=r"\[0\] ends at 2, .* 7 entries") as raised:
        filled(embedded, b"old", b"new").restore({0: store}, WAIT_S)
    assert explain(raised.value)[0] == Exit.FATAL


def shorter(key: bytes, known: bytes, found: bytes) -> bool:
    return len(found) < len(known)


@pytest.mark.parametrize("stored", [b"", b"known"], ids=["nothing stored", "a row stored"])
def test_a_row_that_is_outdated_is_passed_over(embedded: Settings, stored: bytes) -> None:
    store = MemoryRows()
    if stored:
        store.apply({b"ann": stored}, 0)
    changelog = filled(embedded, b"known", b"old", b"newer", b"new", is_outdated=shorter)
    assert changelog.restore({0: store}, WAIT_S).n_rows == 4
    assert (store.get_many([b"ann"]), store.position()) == ([b"newer"], 4)


def test_a_row_that_is_deleted_is_gone_and_may_come_again(embedded: Settings) -> None:
    store = MemoryRows()
    changelog = filled(embedded, b"known", None, b"new", is_outdated=shorter)
    changelog.restore({0: store}, WAIT_S)
    assert store.get_many([b"ann"]) == [b"new"]
