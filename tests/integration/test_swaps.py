"""Versions are swapped under load: no event without a list, no list of two versions."""

import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from index import IndexStore, Manifest
from streams.brokers.kafka import KafkaBroker
from streams.items import Item
from streams.kafka_config import producer_config
from streams.outputs import Recommendation
from streams.settings import Settings
from tests.integration.live_shop import (
    Catalogue,
    Shoppers,
    announce,
    build_version,
    ids,
    live_worker,
    open_live_shop,
)
from tests.integration.shop import EventLog, Reader, check_exactly_once, make_events
from tests.integration.worker_process import workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

N_EVENTS, PER_S = 4_000, 200
AT_START = ("version loaded", "changes replayed")
IN_SWAP = ("version announced", "version loaded:2", "changes replayed:2", "swapped")


class ListReader(Reader):
    """Keeps what each list holds, by its version."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.by_version: dict[str, set[str]] = {}

    def note(self, found: Recommendation) -> None:
        assert found.index_version is not None
        self.by_version.setdefault(found.index_version, set()).update(ids(found))


def own_items(number: int) -> list[str]:
    """Items that only one version has."""
    return [f"v{number}-{n}" for n in range(30)]


def test_swaps_under_load_lose_nothing_and_mix_nothing(kafka: KafkaBroker, tmp_path: Path) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path, slate_size=10)
    log, reader, worker = EventLog(settings), ListReader(settings), live_worker(settings, "w0")
    reader.start()
    catalogue = Catalogue(settings)
    catalogue.put(Item(item_id="live", title="Thing live"))
    with workers(worker):
        worker.start()
        worker.wait_for_log("worker ready")
        load = threading.Thread(
            target=log.publish,
            args=(make_events(N_EVENTS, n_users=300, seed=4),),
            kwargs={"per_s": PER_S},
        )
        load.start()
        versions: list[Manifest] = []
        for number in range(4):
            versions.append(build_version(settings, own_items(number)))
            announce(settings, versions[-1])
            worker.wait_for_log("index version swapped in", number + 1)
            time.sleep(1)
        load.join()
        reader.wait_for(len(log.written), 120)
        assert worker.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)
    assert {v.version for v in versions} <= reader.by_version.keys()
    for number, manifest in enumerate(versions):
        seen = {item for item in reader.by_version[manifest.version] if item[0] == "v"}
        assert seen, "no list had an item of this version alone: the test shows nothing"
        assert seen <= set(own_items(number))


@pytest.mark.parametrize("crash", [f"{where}:1" for where in AT_START] + list(IN_SWAP))
def test_a_crash_at_any_line_of_the_table_changes_nothing(
    kafka: KafkaBroker, tmp_path: Path, crash: str
) -> None:
    """Killed while it catches up, or while it swaps: the next life serves the newest version."""
    settings = open_live_shop(kafka.bootstrap, tmp_path, static_membership=True)
    log, reader, worker = EventLog(settings), Reader(settings), live_worker(settings, "w0")
    catalogue, shoppers = Catalogue(settings), Shoppers(settings)
    reader.start()
    crash = crash if ":" in crash else f"{crash}:1"
    with workers(worker):
        worker.start()
        worker.wait_for_log("worker ready")
        catalogue.put(Item(item_id="new", title="Something new"))
        catalogue.delete("i3")
        shoppers.wait_until("Something new", lambda each: ids(each)[0] == "new")
        assert worker.stop() == 0
        worker.start(crash)
        if crash not in {f"{where}:1" for where in AT_START}:
            worker.wait_for_log("worker ready", 2)
            newest = build_version(settings, own_items(1))
            announce(settings, newest)
        log.publish(make_events(500, n_users=50, seed=4))
        assert worker.wait(60) == -9, worker.log_text()[-3000:]
        worker.start()
        version = IndexStore(settings.index_dir).current()
        shoppers.wait_until(
            "Something new",
            lambda each: ids(each)[0] == "new" and each.index_version == version,
            40,
        )
        assert all("i3" not in ids(each) for each in shoppers.ask("Thing 3").values())
        reader.wait_for(len(log.written), 60)
        assert worker.stop() == 0
    reader.close()
    shoppers.close()
    missing = log.list_ids() - reader.seen.keys()
    assert not missing
    assert {n for n in reader.seen.values()} == {1}


def test_what_cannot_be_served_is_refused_and_the_old_version_goes_on(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    worker, shoppers = live_worker(settings, "w0"), Shoppers(settings)
    first = IndexStore(settings.index_dir).manifest()
    with workers(worker):
        worker.start()
        shoppers.wait_until("Thing 7", lambda each: each.index_version == first.version, 40)

        damaged = build_version(settings, own_items(1))
        path = settings.index_dir / damaged.version / "vectors.npy"
        path.chmod(0o644)
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.write_bytes(raw)
        announce(settings, damaged)
        worker.wait_for_log("index version refused", 1)
        announce(settings, build_version(settings, encoder_version="another"))
        worker.wait_for_log("index version refused", 2)
        lost = build_version(settings, own_items(2))
        (settings.index_dir / lost.version).rename(settings.index_dir / "elsewhere")
        announce(settings, lost)
        worker.wait_for_log("index version refused", 3)
        producer = Producer(producer_config(settings))
        producer.produce(settings.topic("index_versions"), b"{", b"current")
        assert producer.flush(10) == 0
        worker.wait_for_log("unreadable announcement", 1)
        for found in shoppers.ask("Thing 7").values():
            assert (found.index_version, ids(found)[0]) == (first.version, "i7")

        good = build_version(settings, own_items(3))
        announce(settings, good)
        shoppers.wait_until("Thing 7", lambda each: each.index_version == good.version)
        text = worker.log_text()
        assert "another SHA-256" in text
        assert "no encoder 'another' is here" in text
        assert worker.stop() == 0
    shoppers.close()
