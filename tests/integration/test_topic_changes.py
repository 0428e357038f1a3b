"""Topics that become others under a worker: it notices, and no event is lost or counted twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from streams.brokers.kafka import KafkaBroker
from streams.cli.exits import Exit
from streams.settings import Settings
from streams.topics import changelog_topic, create_topics
from tests.integration.shop import (
    EventLog,
    Reader,
    check_exactly_once,
    grow,
    make_events,
    open_shop,
)
from tests.integration.worker_process import WorkerProcess, workers

SET = AlterConfigOpType.SET
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]


def admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.bootstrap_servers})


@contextmanager
def served(
    settings: Settings, n_events: int, seed: int, n_users: int = 50
) -> Iterator[tuple[EventLog, Reader, WorkerProcess]]:
    """A worker that has answered so many events, with what wrote them and what reads its lists."""
    log, reader = EventLog(settings), Reader(settings)
    worker = WorkerProcess(settings, "w0")
    reader.start()
    worker.start()
    with workers(worker):
        log.publish(make_events(n_events, n_users=n_users, seed=seed))
        reader.wait_for(n_events, 60)
        yield log, reader, worker


def test_added_partitions_end_a_worker_and_their_events_wait_for_the_next(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """docs/delivery.md, "More partitions": the second way."""
    settings = open_shop(kafka.bootstrap, tmp_path)
    with served(settings, 200, seed=51) as (log, reader, worker):
        grow(settings, settings.topic("clicks"), 6)
        assert worker.wait(60) == Exit.FATAL
        assert "clicks has 6 partitions now, this worker reads 4" in worker.log_text()
    more = settings.model_copy(update={"partitions": 6})
    grow(settings, settings.topic("searches"), 6)
    grow(settings, changelog_topic(settings), 6)
    after = EventLog(more)
    after.publish(make_events(400, n_users=50, seed=52))
    assert any(partition > 3 for _, partition, _ in after.written)
    log.written |= after.written
    again = WorkerProcess(more, "w0")
    again.start()
    with workers(again):
        reader.wait_for(600, 60)
        assert again.stop() == 0
    reader.close()
    assert reader.seen.keys() == log.list_ids()
    assert set(reader.seen.values()) == {1}


def test_a_topic_that_is_made_anew_ends_a_worker_and_is_read_from_its_beginning(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """Its offsets begin again: rows must not take its events for those that they have."""
    settings = open_shop(kafka.bootstrap, tmp_path)
    with served(settings, 200, seed=53) as (log, reader, worker):
        expected = log.list_ids()
        clicks = settings.topic("clicks")
        client = admin(settings)
        client.delete_topics([clicks])[clicks].result()
        while clicks in client.list_topics(timeout=5).topics:
            pass
        create_topics(settings)
        assert worker.wait(60) == Exit.FATAL
        assert "made anew" in worker.log_text()
        anew = EventLog(settings)
        anew.publish([e for e in make_events(100, n_users=50, seed=54) if e.type != "search"])
        worker.start()
        reader.wait_for(200 + len(anew.written), 60)
        assert worker.stop() == 0
    reader.close()
    assert reader.seen.keys() == expected | anew.list_ids()


def take_at_most(settings: Settings, topic: str, n_bytes: int) -> None:
    size = ConfigEntry("max.message.bytes", str(n_bytes), incremental_operation=SET)
    change = ConfigResource("topic", topic, incremental_configs=[size])
    client = admin(settings)
    client.incremental_alter_configs([change])[change].result()


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_a_topic_that_does_not_take_a_list_ends_a_worker_until_it_does(
    kafka: KafkaBroker, tmp_path: Path, delivery: str
) -> None:
    settings = open_shop(kafka.bootstrap, tmp_path, delivery=delivery)
    with served(settings, 50, seed=57, n_users=20) as (log, reader, worker):
        take_at_most(settings, settings.topic("recommendations"), 200)
        log.publish(make_events(50, n_users=20, seed=58))
        assert worker.wait(60) == Exit.FATAL
        assert "look at the topic's max.message.bytes" in worker.log_text()
        take_at_most(settings, settings.topic("recommendations"), 1_000_000)
        worker.start()
        reader.wait_for(100, 60)
        assert worker.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)


def test_what_retention_removes_unread_is_said_and_the_rest_is_read(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_shop(kafka.bootstrap, tmp_path)
    with served(settings, 200, seed=55) as (log, reader, worker):
        assert worker.stop() == 0
        clicks = settings.topic("clicks")
        stood = {p: max(o for t, q, o in log.written if (t, q) == (clicks, p)) for p in range(4)}
        late = EventLog(settings)
        late.publish(make_events(400, n_users=50, seed=56))
        removed = TopicPartition(clicks, 1, stood[1] + 11)
        client = admin(settings)
        (answer,) = client.delete_records([removed]).values()
        assert answer.result().low_watermark == removed.offset
        gone = {at for at in late.written if at[:2] == (clicks, 1) and at[2] < removed.offset}
        assert len(gone) == 10
        log.written |= {at: event for at, event in late.written.items() if at not in gone}
        worker.start()
        reader.wait_for(len(log.written), 60)
        assert worker.stop() == 0
    reader.close()
    assert "records were removed before they were read" in worker.log_text()
    check_exactly_once(settings, log, reader)
