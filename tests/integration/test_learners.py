"""A second learner leaves the first alone, and takes over from one that is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.brokers.kafka import KafkaBroker
from streams.errors import SettingsError
from streams.learning.alone import wait_until_alone
from streams.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(90)]

TOPIC = "alone-clicks"


@pytest.fixture(scope="module")
def settings(kafka: KafkaBroker) -> Settings:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
    return Settings(bootstrap_servers=kafka.bootstrap)


@contextmanager
def member(settings: Settings, group: str, **config: object) -> Iterator[Consumer]:
    """Somebody in a group, with its partitions."""
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": group, **config}
    )
    consumer.subscribe([TOPIC])
    deadline = time.monotonic() + 30
    while not consumer.assignment():
        consumer.poll(0.1)
        assert time.monotonic() < deadline
    yield consumer
    consumer.close()


def test_a_group_that_nobody_has_joined_is_free(settings: Settings) -> None:
    wait_until_alone(settings, "alone-nobody", "", 0)


def test_a_second_learner_does_not_join_and_says_why(settings: Settings) -> None:
    with member(settings, "alone-two"):
        with pytest.raises(SettingsError, match="another learner is in group alone-two"):
            wait_until_alone(settings, "alone-two", "", 1)
    wait_until_alone(settings, "alone-two", "", 0)


def test_a_learner_takes_over_when_the_other_is_gone(settings: Settings) -> None:
    with member(settings, "alone-next") as first:
        ends = threading.Timer(2, first.close)
        ends.start()
        wait_until_alone(settings, "alone-next", "", 30)
        ends.join()


def test_its_own_earlier_life_is_nobody_else(settings: Settings) -> None:
    with member(settings, "alone-static", **{"group.instance.id": "w0"}):
        wait_until_alone(settings, "alone-static", "w0", 0)
        with pytest.raises(SettingsError):
            wait_until_alone(settings, "alone-static", "w1", 0)
