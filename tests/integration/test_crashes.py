"""Twenty seeded kill -9, at each boundary at least one: every list once, rows and counts exact."""

import random
import shutil
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaBroker
from tests.integration.shop import (
    EventLog,
    Reader,
    check_counts,
    check_exactly_once,
    check_rows,
    make_events,
    open_shop,
)
from tests.integration.worker_process import WorkerProcess, workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

BOUNDARIES = ("changelog sent", "lists sent", "offsets sent", "committed", "rows stored")


def plan_of_crashes(n: int, seed: int) -> list[str]:
    """Each boundary in turn, each after a number of batches drawn by chance."""
    rng = random.Random(seed)
    return [f"{BOUNDARIES[k % len(BOUNDARIES)]}:{rng.randint(1, 6)}" for k in range(n)]


@pytest.mark.parametrize("store", ["rocksdb"])
def test_twenty_crashes_lose_nothing_and_repeat_nothing(
    kafka: KafkaBroker, tmp_path: Path, store: str
) -> None:
    settings = open_shop(
        kafka.bootstrap, tmp_path, store=store, static_membership=True, shop_counts=True
    )
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    log.publish(make_events(20_000, n_users=800, seed=11))
    reader.start()
    with workers(worker):
        for number, crash in enumerate(plan_of_crashes(20, seed=5)):
            worker.start(crash)
            assert worker.wait(60) == -9, worker.log_text()[-3000:]
            if number == 12:
                shutil.rmtree(worker.state_dir)  # its disk is lost: rows come from the changelog
        worker.start()
        reader.wait_for(len(log.written), 120)
        assert worker.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)
    check_counts(settings, log)


def test_at_least_once_loses_nothing_and_keeps_the_rows_exact(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """Lists may be repeated, with the same id; rows may not count anything twice."""
    settings = open_shop(
        kafka.bootstrap,
        tmp_path,
        delivery="at_least_once",
        static_membership=True,
        shop_counts=True,
    )
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    log.publish(make_events(6_000, n_users=300, seed=12))
    reader.start()
    with workers(worker):
        for crash in (
            "changelog sent:3",
            "lists sent:4",
            "offsets sent:2",
            "committed:3",
            "rows stored:2",
        ):
            worker.start(crash)
            assert worker.wait(60) == -9, worker.log_text()[-3000:]
        worker.start()
        reader.wait_for(len(log.written), 60)
        assert worker.stop() == 0
    reader.close()
    assert reader.seen.keys() == log.list_ids()
    assert reader.seen.total() > len(reader.seen), (
        "a crash before the offsets must repeat some lists"
    )
    check_rows(settings, log)
    check_counts(settings, log)
