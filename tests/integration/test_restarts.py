"""Restarts under backlog, on both event loops: no stream buffer is dropped when recovery ends.

Stock Faust lost 4,096 events in most of such restarts (streams/transport.py says why).  RESTARTS=50
runs the long form.
"""

import os
import random
import time
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaBroker
from tests.integration.shop import EventLog, Reader, check_exactly_once, make_events, open_shop
from tests.integration.worker_process import WorkerProcess, workers

RESTARTS = int(os.environ.get("RESTARTS", "4"))

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(100 + 20 * RESTARTS)]


@pytest.mark.parametrize("event_loop", ["asyncio", "uvloop"])
def test_no_restart_under_backlog_leaves_a_hole(
    kafka: KafkaBroker, tmp_path: Path, event_loop: str
) -> None:
    settings = open_shop(kafka.bootstrap, tmp_path, static_membership=True)
    log, reader = EventLog(settings), Reader(settings)
    worker = WorkerProcess(settings, "w0", event_loop=event_loop)
    rng = random.Random(41)
    log.publish(make_events(10_000 + 3_000 * RESTARTS, n_users=2_000, seed=42))
    reader.start()
    with workers(worker):
        for _ in range(RESTARTS):
            n_before = len(reader.seen)
            worker.start()
            reader.wait_for(n_before + 100, 60)
            time.sleep(rng.uniform(0, 0.5))
            assert worker.ended() is None, worker.log_text()[-3000:]
            worker.kill()
        assert len(reader.seen) < len(log.written), "the backlog was too small to mean anything"
        worker.start()
        reader.wait_for(len(log.written), 300)
        assert worker.stop() == 0
    reader.close()
    assert "went on at" not in worker.log_text()
    check_exactly_once(settings, log, reader)
