"""A broker that is not ready is asked again; every other error is told at once."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.patience import ask


class Broker:
    """Fails with the given errors, one after the other, then answers."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def answer(self) -> str:
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return "ready"


def test_a_broker_that_is_not_ready_is_asked_again() -> None:
    broker = Broker(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert ask(broker.answer, 5) == "ready"


def test_it_is_not_asked_for_ever() -> None:
    broker = Broker(*[KafkaError.LEADER_NOT_AVAILABLE] * 1_000)
    with pytest.raises(KafkaException):
        ask(broker.answer, 0.2)
    assert len(broker.codes) > 900


def test_another_error_is_told_at_once() -> None:
    broker = Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        ask(broker.answer, 5)
