"""Writers where a producer takes nothing more, or its broker never will."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from structlog.testing import capture_logs

from streams.acknowledging_writer import AcknowledgingWriter
from streams.cli.exits import Exit, explain
from streams.errors import FencedError
from streams.kafka_config import producer_config
from streams.markers import ForgottenMarkers
from streams.outbox import Outbox
from streams.positions import GroupPositions
from streams.runs import Claim
from streams.settings import Settings
from streams.transactional_writer import TransactionalWriter
from streams.writer import _queue, hopeless
from tests.streams.reading import messages

WAIT_S = 20.0


def closed_producer(settings: Settings) -> Producer:
    """One that refuses each message, as after an error within a transaction: none is open."""
    producer = Producer(producer_config(settings, **{"transactional.id": "closed"}))
    producer.init_transactions(WAIT_S)
    return producer


@pytest.mark.timeout(60)
def test_a_producer_that_takes_nothing_more_is_not_waited_for(embedded: Settings) -> None:
    with pytest.raises(KafkaException, match="_STATE"):
        _queue(closed_producer(embedded), "clicks", [{"key": b"k", "value": b"v"}], -1, None)


@pytest.mark.timeout(60)
def test_at_least_once_goes_on_with_a_new_producer(embedded: Settings) -> None:
    writer = AcknowledgingWriter(producer_config(embedded), "changelog", lambda *_: None)
    writer.start()
    writer._producer = closed_producer(embedded)
    outbox = Outbox(Claim(1, 1, b""))
    outbox.send("recommendations", b"ann", b"list")
    writer.commit(outbox)
    assert [message.value() for message in messages(embedded, "recommendations")] == [b"list"]


class SlowToAcknowledge:
    """A producer whose first two looks find a message that is still waiting."""

    def __init__(self, config: dict[str, object]) -> None:
        """Connect to nothing."""
        self._waiting = [1, 1]

    def produce_batch(self, topic: str, batch: list[object], **_: object) -> int:
        """All of them queued."""
        return len(batch)

    def flush(self, timeout_s: float) -> int:
        """How many wait."""
        return self._waiting.pop() if self._waiting else 0


@pytest.mark.parametrize(("every_s", "told"), [(0.0, 2), (30.0, 0)])
def test_a_batch_that_is_not_acknowledged_is_told(
    every_s: float, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.acknowledging_writer.Producer", SlowToAcknowledge)
    monkeypatch.setattr("streams.acknowledging_writer.TELL_EVERY_S", every_s)
    writer = AcknowledgingWriter({}, "changelog", lambda *_: None)
    writer.start()
    outbox = Outbox(Claim(1, 1, b""))
    outbox.send("recommendations", b"ann", b"list")
    with capture_logs() as lines:
        writer.commit(outbox)
    assert [line["messages"] for line in lines if "not acknowledged" in line["event"]] == [1] * told


class FencedAtOnce:
    """A producer whose name another one takes while it opens."""

    def __init__(self, config: dict[str, object]) -> None:
        """Connect to nothing."""

    def init_transactions(self, timeout_s: float) -> None:
        """What a broker answers to the older of two."""
        raise KafkaException(KafkaError(KafkaError._FENCED, "fenced by a newer one", fatal=True))


def test_a_writer_that_is_fenced_as_it_opens_ends_as_one_that_is_fenced_later(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.transactional_writer.Producer", FencedAtOnce)
    config = producer_config(embedded)
    positions = GroupPositions({"bootstrap.servers": embedded.bootstrap_servers}, "group")
    writer = TransactionalWriter(
        config,
        "changelog",
        positions,
        transactional_id="app-w0",
        transaction_timeout_s=1,
        sources=[],
        forgotten=ForgottenMarkers({}, "app-w0", list, "group"),
    )
    with pytest.raises(FencedError, match="opened as app-w0") as raised:
        writer.start()
    positions.close()
    assert explain(raised.value)[0] == Exit.FENCED


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, True),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, True),
        (KafkaError.NOT_LEADER_FOR_PARTITION, False),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, False),
        (KafkaError._TIMED_OUT, False),
    ],
)
def test_what_no_repetition_mends_ends_the_worker(code: int, ends: bool) -> None:
    error = hopeless(KafkaError(code))
    assert (error is not None) == ends
    if error is not None:
        assert explain(error)[0] == Exit.FATAL
