"""Items change while two workers serve: what is new is found in both, what is gone in neither."""

import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from index import IndexStore
from streams.brokers.kafka import KafkaBroker
from streams.items import Item
from streams.kafka_config import producer_config
from streams.settings import Settings
from streams.topics import item_vectors_topic
from tests.integration.live_shop import (
    Catalogue,
    Shoppers,
    announce,
    build_version,
    ids,
    live_worker,
    open_live_shop,
)
from tests.integration.live_worker import Digests
from tests.integration.worker_process import workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120)]


def test_changes_reach_every_worker_and_outlive_it(kafka: KafkaBroker, tmp_path: Path) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    first, second = live_worker(settings, "w0"), live_worker(settings, "w1")
    catalogue, shoppers = Catalogue(settings), Shoppers(settings)
    with workers(first, second):
        first.start()
        second.start()
        shoppers.wait_until("Thing 7", lambda each: ids(each)[0] == "i7", 40)
        while not (first.n_ready() and second.n_ready()):
            shoppers.ask("Thing 7")

        catalogue.put(Item(item_id="new", title="Something new"))
        assert shoppers.wait_until("Something new", lambda each: ids(each)[0] == "new") < 5
        catalogue.put(Item(item_id="i7", title="Thing 7", in_stock=False))
        shoppers.wait_until("Thing 7", lambda each: "i7" not in ids(each))
        catalogue.put(Item(item_id="i7", title="Thing 7", price=9.0))
        shoppers.wait_until("Thing 7", lambda each: ids(each)[0] == "i7")
        catalogue.put(Item(item_id="i9", title="Another name"))
        shoppers.wait_until("Another name", lambda each: ids(each)[0] == "i9")
        catalogue.delete("i7", "i8", "new", "nothing")
        for gone, title in (("i7", "Thing 7"), ("i8", "Thing 8"), ("new", "Something new")):
            shoppers.wait_until(title, lambda each, gone=gone: gone not in ids(each))  # type: ignore[misc]

        vectors = item_vectors_topic(settings, Digests.version)
        producer = Producer(producer_config(settings))
        for value in (b"", b"{", b'{"item": 1}', b"\xff"):
            producer.produce(vectors, value, b"x")
        producer.produce(vectors, None, b"")
        assert producer.flush(10) == 0
        catalogue.put(Item(item_id="late", title="After the unreadable"))
        shoppers.wait_until("After the unreadable", lambda each: ids(each)[0] == "late")
        assert first.log_text().count("unreadable item vector") == 5

        assert first.stop() == 0
        assert second.stop() == 0
        first.start()  # with the same version: it reads the changes again
        shoppers.wait_until("Another name", lambda each: ids(each)[0] == "i9", 40)
        answers = {title: shoppers.ask(title) for title in ("Thing 7", "Thing 8", "Something new")}
        seen = {item for lists in answers.values() for each in lists.values() for item in ids(each)}
        assert not seen & {"i7", "i8", "new"}
    shoppers.close()


def test_items_and_versions_are_followed_after_the_broker_has_died(
    fresh_kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(fresh_kafka.bootstrap, tmp_path, session_timeout_s=10, heartbeat_s=2)
    worker, shoppers = live_worker(settings, "w0"), Shoppers(settings)
    with workers(worker):
        worker.start()
        shoppers.wait_until("Thing 7", lambda each: ids(each)[0] == "i7", 40)
        shoppers.close()
        for death in range(2):
            fresh_kafka.kill()
            time.sleep(4)
            fresh_kafka.start()
            _change_all(settings, f"n{death}")
        fresh_kafka.kill()
        time.sleep(1)
        begun = time.monotonic()
        worker.send(signal.SIGTERM)
        worker.wait(40)
        assert time.monotonic() - begun < settings.session_timeout_s + 15


def _change_all(settings: Settings, item_id: str) -> None:
    """A new item, then a new version; with clients that have not met the broker before."""
    shoppers = Shoppers(settings)
    Catalogue(settings).put(Item(item_id=item_id, title=f"Title of {item_id}"))
    shoppers.wait_until(f"Title of {item_id}", lambda each: ids(each)[0] == item_id, 40)
    newest = build_version(settings, [f"of-{item_id}"]).version
    announce(settings, IndexStore(settings.index_dir).manifest(newest))
    shoppers.wait_until("Thing 7", lambda each: each.index_version == newest, 40)
    found = shoppers.ask(f"Title of {item_id}")
    assert all(ids(each)[0] == item_id for each in found.values())
    shoppers.close()


def test_another_encoders_index_stops_the_worker_before_it_consumes(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    build_version(settings, encoder_version="another")
    worker = live_worker(settings, "w0")
    with workers(worker):
        worker.start()
        assert worker.wait(30) == 5
    assert "no encoder 'another' is here" in worker.log_text()
    assert worker.n_ready() == 0
