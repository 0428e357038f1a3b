"""What a worker answers its platform, with a real broker."""

import time
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaBroker
from tests.integration.shop import EventLog, Reader, make_events, open_shop
from tests.integration.worker_process import WorkerProcess, workers
from tests.streams.asking import ask, ask_until, free_port

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

STUCK_AFTER_S = 8


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_a_broker_that_is_away_is_nobodys_death(
    fresh_kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivery: str
) -> None:
    """A restart would help nobody, and cost the membership (test_broker_restart.py: it goes on)."""
    monkeypatch.setenv("STUCK_AFTER_S", str(STUCK_AFTER_S))
    port = free_port()
    settings = open_shop(
        fresh_kafka.bootstrap,
        tmp_path,
        metrics_port=port,
        delivery=delivery,
        session_timeout_s=3,
        heartbeat_s=0.5,
    )
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    log.publish(make_events(10_000, n_users=300, seed=31))  # so that a commit is under way
    reader.start()
    worker.start()
    with workers(worker):
        ask_until(port, "/readyz", 200)
        reader.wait_for(500, 60)
        fresh_kafka.kill()
        assert len(reader.seen) < len(log.written)
        until = time.monotonic() + 2 * STUCK_AFTER_S
        while time.monotonic() < until:
            assert ask(port, "/livez") == (200, "ok\n")
            time.sleep(0.2)
    reader.close()


def test_a_worker_is_not_ready_while_partitions_are_assigned_anew(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_shop(kafka.bootstrap, tmp_path)
    ports = [free_port(), free_port()]
    first, second = (
        WorkerProcess(settings.model_copy(update={"metrics_port": port}), f"w{number}")
        for number, port in enumerate(ports)
    )
    first.start()
    with workers(first):
        ask_until(ports[0], "/readyz", 200)
        second.start()
        with workers(second):
            why = ask_until(ports[0], "/readyz", 503)
            assert why == "partitions are being assigned\n"
            for port in ports:
                ask_until(port, "/readyz", 200)
            assert second.stop() == 0
        assert first.stop() == 0
