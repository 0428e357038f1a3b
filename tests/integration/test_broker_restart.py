"""The broker dies (kill -9) twice: the worker goes on, lists are back within ten seconds."""

import signal
import threading
import time
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaBroker
from tests.integration.shop import EventLog, Reader, check_exactly_once, make_events, open_shop
from tests.integration.worker_process import WorkerProcess, workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

N_DEATHS, DOWN_S, BACK_WITHIN_S = 2, 4.0, 10.0


def test_lists_come_back_after_the_broker_does(fresh_kafka: KafkaBroker, tmp_path: Path) -> None:
    # A busy machine starts a broker slowly: nobody is to be put out of the group meanwhile, and
    # nothing may wait for the session's end either.
    settings = open_shop(fresh_kafka.bootstrap, tmp_path, session_timeout_s=30, heartbeat_s=2)
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    reader.start()
    worker.start()
    events, silences = make_events(12_000, n_users=300, seed=31), []
    with workers(worker):
        publishing = threading.Thread(
            target=log.publish,
            args=[events],
            kwargs={"per_s": 250},
        )
        publishing.start()
        for _ in range(N_DEATHS):
            reader.wait_for(len(reader.seen) + 500, 60)
            fresh_kafka.kill()
            time.sleep(DOWN_S)
            fresh_kafka.start()
            back = time.monotonic()
            n_before = len(reader.arrived_s)
            reader.wait_for(len(reader.seen) + 1, 60)
            silences.append(reader.arrived_s[n_before] - back)
        publishing.join()
        log.read_back(events)
        reader.wait_for(len(log.written), 60)
        assert worker.ended() is None, worker.log_text()[-3000:]
        assert worker.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)
    print(f"first list after the broker's return: {[round(s, 2) for s in silences]} s")
    assert max(silences) < BACK_WITHIN_S


def test_a_worker_can_be_stopped_while_the_broker_is_away(
    fresh_kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_shop(fresh_kafka.bootstrap, tmp_path)
    log, worker = EventLog(settings), WorkerProcess(settings, "w0")
    log.publish(make_events(20_000, n_users=300, seed=32))
    worker.start()
    with workers(worker):
        while not worker.n_ready():
            time.sleep(0.05)
        fresh_kafka.kill()
        time.sleep(2)  # long enough for a transaction to be under way that cannot end
        worker.send(signal.SIGTERM)
        assert worker.wait(settings.session_timeout_s + 10) == 3
    assert "delivered again" in worker.log_text()
