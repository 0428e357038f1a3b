"""Workers that join, leave, freeze and come back: each list once, each row exact."""

import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.brokers.kafka import KafkaBroker
from streams.kafka_config import producer_config
from streams.topics import changelog_topic
from tests.integration.shop import (
    EventLog,
    Reader,
    check_exactly_once,
    check_rows,
    make_events,
    open_shop,
)
from tests.integration.worker_process import WorkerProcess, workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_second_worker_joins_and_leaves(kafka: KafkaBroker, tmp_path: Path) -> None:
    settings = open_shop(kafka.bootstrap, tmp_path)
    log, reader = EventLog(settings), Reader(settings)
    first, second = WorkerProcess(settings, "w0"), WorkerProcess(settings, "w1")
    reader.start()
    first.start()
    with workers(first):
        first.wait_for_log("worker ready")
        publishing = threading.Thread(
            target=log.publish,
            args=[make_events(6_000, n_users=300, seed=21)],
            kwargs={"per_s": 300},
        )
        publishing.start()
        second.start()
        with workers(second):
            second.wait_for_log("worker ready")
            first.wait_for_log("worker ready", 2)
            time.sleep(2)
            assert second.stop() == 0  # drains: what it took is committed before it leaves
            publishing.join()
            reader.wait_for(len(log.written), 60)
        assert first.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)


def test_a_zombie_writes_nothing_twice(kafka: KafkaBroker, tmp_path: Path) -> None:
    """Twice a worker freezes beyond the session time-out and wakes up in the middle of a batch."""
    settings = open_shop(kafka.bootstrap, tmp_path)
    log, reader = EventLog(settings), Reader(settings)
    zombie, other = WorkerProcess(settings, "w0"), WorkerProcess(settings, "w1")
    reader.start()
    zombie.start()
    other.start()
    with workers(zombie, other):
        zombie.wait_for_log("worker ready")
        other.wait_for_log("worker ready")
        publishing = threading.Thread(
            target=log.publish,
            args=[make_events(12_000, n_users=300, seed=22)],
            kwargs={"per_s": 300},
        )
        publishing.start()
        for _ in range(2):
            n_before = len(reader.seen)
            reader.wait_for(n_before + 300, 30)
            zombie.send(signal.SIGSTOP)
            time.sleep(settings.session_timeout_s + 4)
            zombie.send(signal.SIGCONT)
            deadline = time.monotonic() + 8
            while zombie.ended() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            if zombie.ended() is not None:
                assert zombie.wait(1) == 75, zombie.log_text()[-3000:]
                zombie.start()
        publishing.join()
        reader.wait_for(len(log.written), 60)
        assert other.stop() == 0
        assert zombie.stop() == 0
    reader.close()
    assert 75 in zombie.exits, "the zombie's commit was never refused"
    check_exactly_once(settings, log, reader)


def test_a_zombie_that_writes_without_transactions_makes_no_row_forget(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """At least once: it wakes with a batch in its hands, and sends its rows behind newer ones."""
    settings = open_shop(kafka.bootstrap, tmp_path, delivery="at_least_once")
    log, reader = EventLog(settings), Reader(settings)
    zombie, other = WorkerProcess(settings, "w0"), WorkerProcess(settings, "w1")
    reader.start()
    log.publish(make_events(2_000, n_users=30, seed=23))
    with workers(zombie, other):
        zombie.start(freeze_at="rows stored:3")
        reader.wait_for(256, 60)
        other.start()
        reader.wait_for(2_000, 60)
        zombie.send(signal.SIGCONT)
        assert zombie.wait(30) == 75, zombie.log_text()[-3000:]
        assert other.stop() == 0
        shutil.rmtree(other.state_dir)  # rows come from the changelog, the zombie's last
        other.start()
        other.wait_for_log("rows of a worker without its partitions passed over")
        log.publish(make_events(300, n_users=30, seed=24))  # each user's row is written once more
        reader.wait_for(2_300, 60)
        assert other.stop() == 0
    reader.close()
    assert reader.seen.keys() == log.list_ids()
    check_rows(settings, log)


def test_a_spare_worker_is_there_when_it_is_needed(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no partition to fetch from, for much longer than who fetches nothing may stay."""
    monkeypatch.setenv("LEAVE_AFTER_S", "4")
    settings = open_shop(kafka.bootstrap, tmp_path, partitions=1)
    log, reader = EventLog(settings), Reader(settings)
    first, spare = WorkerProcess(settings, "w0"), WorkerProcess(settings, "w1")
    reader.start()
    first.start()
    with workers(first):
        first.wait_for_log("worker ready")
        spare.start()
        with workers(spare):
            spare.wait_for_log("worker ready")
            first.wait_for_log("worker ready", 2)
            if "partitions=0" in first.log_text().splitlines()[-1]:
                first, spare = spare, first
            time.sleep(12)
            first.kill()
            log.publish(make_events(100, n_users=30, seed=25))
            reader.wait_for(100, 30)
            assert spare.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)


def test_a_recovery_may_last_longer_than_who_fetches_nothing_may_stay(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Millions of rows take many minutes; here a transaction in the changelog stays open."""
    monkeypatch.setenv("LEAVE_AFTER_S", "4")
    settings = open_shop(kafka.bootstrap, tmp_path)
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    holds = Producer(producer_config(settings, **{"transactional.id": "holds"}))
    holds.init_transactions(20)
    holds.begin_transaction()
    holds.produce(changelog_topic(settings), b"never", b"u", partition=0)
    holds.flush(20)
    reader.start()
    worker.start()
    with workers(worker):
        log.publish(make_events(100, n_users=30, seed=26))
        time.sleep(15)
        assert worker.n_ready() == 0
        assert worker.stop() == 0, "a worker can be stopped before it has its rows"
        worker.start()
        time.sleep(10)
        assert worker.n_ready() == 0
        holds.abort_transaction(20)
        reader.wait_for(100, 30)
        assert worker.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)
