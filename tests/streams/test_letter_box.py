"""Reading up to an end: it ends there, whatever comes in meanwhile, and with markers at the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from streams import letter_box
from streams.errors import BrokerUnavailableError
from streams.letter_box import messages_there_now

END = KafkaError._PARTITION_EOF


class Script:
    """A consumer whose partitions hold three messages each, and whose polls were written down.

    A poll is (partition, offset), or (partition, -code) for an error.
    """

    def __init__(self, *polls: tuple[int, int] | None) -> None:
        self.polls = list(polls)

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(topics={"t.dlq": SimpleNamespace(partitions={0: None, 1: None})})

    def get_watermark_offsets(self, where: Any, timeout: float) -> tuple[int, int]:
        return 0, 3

    def assign(self, starts: Any) -> None:
        pass

    def poll(self, timeout: float) -> Any:
        step = self.polls.pop(0)
        if step is None:
            return None
        partition, offset = step
        error = KafkaError(offset) if offset < 0 else None
        return SimpleNamespace(
            topic=lambda: "t.dlq",
            partition=lambda: partition,
            offset=lambda: offset,
            error=lambda: error,
        )


def read(script: Script) -> list[tuple[int | None, int | None]]:
    found: list[Message] = list(
        messages_there_now(cast(Consumer, script), ["t.dlq"], from_start=True)
    )
    return [(message.partition(), message.offset()) for message in found]


def test_it_ends_at_the_last_message_without_waiting_for_more() -> None:
    polls = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert read(Script(*polls)) == polls


def test_what_comes_in_meanwhile_is_left_for_the_next_time() -> None:
    polls = [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (1, 2)]
    assert read(Script(*polls)) == [poll for poll in polls if poll[1] < 3]


def test_markers_of_transactions_at_the_end_are_not_waited_for() -> None:
    polls = [(0, 0), (0, END), (1, 0), (1, 1), (1, END)]
    assert read(Script(*polls)) == [(0, 0), (1, 0), (1, 1)]


def test_a_message_beyond_the_end_ends_its_partition_too() -> None:
    """Where the last messages before the end were of a transaction that was aborted."""
    assert read(Script((0, 0), (0, 7), (1, 2))) == [(0, 0), (1, 2)]


def test_an_error_of_the_broker_ends_the_reading() -> None:
    with pytest.raises(KafkaException):
        read(Script((0, 0), (0, KafkaError._ALL_BROKERS_DOWN)))


def test_a_silent_broker_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter_box, "SILENCE_S", -1)
    with pytest.raises(BrokerUnavailableError, match="silent"):
        read(Script((0, 0), None))
