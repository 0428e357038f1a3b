"""Too much has changed: a worker has the index rebuilt, serves on meanwhile, and swaps."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from index import IndexStore
from streams.brokers.kafka import KafkaBroker
from streams.items import Item
from tests.integration.live_shop import Catalogue, Shoppers, ids, live_worker, open_live_shop
from tests.integration.shop import N_ITEMS
from tests.integration.worker_process import WorkerProcess, workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(180)]

N_NEW, LIMIT = 40, 25


def new_items() -> list[Item]:
    return [Item(item_id=f"new-{n}", title=f"Brand new {n}") for n in range(N_NEW)]


def test_a_rebuild_ends_with_its_worker_and_the_next_life_starts_another(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path, rebuild_at=LIMIT, static_membership=True)
    catalogue, shoppers = Catalogue(settings), Shoppers(settings)
    worker = live_worker(settings, "w0")
    with workers(worker):
        worker.start()
        worker.wait_for_log("worker ready")
        catalogue.put(*new_items())
        worker.wait_for_log("index rebuild started")
        worker.kill()
        child = Path("/proc") / _children(worker)[-1]
        deadline = time.monotonic() + 10
        while child.exists() and b"live_rebuild" in (child / "cmdline").read_bytes():
            assert time.monotonic() < deadline, "the rebuild outlived its worker"
            time.sleep(0.05)
        worker.start()
        worker.wait_for_log("index version swapped in")
        assert len(_children(worker)) == 2
        now = IndexStore(settings.index_dir).manifest()
        for each in shoppers.ask("Brand new 5").values():
            assert (ids(each)[0], each.index_version) == ("new-5", now.version)
        assert worker.stop() == 0
    shoppers.close()


def _children(worker: WorkerProcess) -> list[str]:
    """Process ids of all rebuilds that a worker has started."""
    return re.findall(r"index rebuild started.* pid=(\d+)", worker.log_text())


def test_the_delta_is_folded_in_and_a_killed_rebuild_is_started_again(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path, rebuild_at=LIMIT)
    catalogue, shoppers = Catalogue(settings), Shoppers(settings)
    worker = live_worker(settings, "w0")
    first = IndexStore(settings.index_dir).manifest()
    with workers(worker):
        worker.start()
        shoppers.wait_until("Thing 7", lambda each: ids(each)[0] == "i7", 40)
        catalogue.delete("i7")
        catalogue.put(*new_items())
        shoppers.wait_until("Brand new 5", lambda each: ids(each)[0] == "new-5")
        worker.wait_for_log("index rebuild started")
        os.kill(int(_children(worker)[0]), signal.SIGKILL)
        worker.wait_for_log("exit_code=-9")
        lists = shoppers.ask("Brand new 6").values()
        assert {(ids(each)[0], each.index_version) for each in lists} == {("new-6", first.version)}

        worker.wait_for_log("index version swapped in")
        now = IndexStore(settings.index_dir).manifest()
        assert now.version != first.version
        assert now.items_read
        assert now.count == N_ITEMS - 1 + N_NEW
        ready = re.findall(
            r"index version ready .*delta=(\d+).*tombstones=(\d+)", worker.log_text()
        )
        assert ready[-1] == ("0", "0")
        catalogue.put(Item(item_id="later", title="After the swap"))
        shoppers.wait_until("After the swap", lambda each: ids(each)[0] == "later")
        for each in shoppers.ask("Brand new 5").values():
            assert (ids(each)[0], each.index_version) == ("new-5", now.version)
        assert all("i7" not in ids(each) for each in shoppers.ask("Thing 7").values())
        assert len(_children(worker)) == 2
        assert worker.stop() == 0
    shoppers.close()
