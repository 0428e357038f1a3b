"""Versions come and go while one is opened: on a real Kafka, without a worker."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from index import EncoderMismatchError, IndexStore, UnknownVersionError
from index.retention import prune
from streams.brokers.kafka import KafkaBroker
from streams.item_origin import Taken, origin_header
from streams.items import Item, ItemVector
from streams.kafka_config import client_config, producer_config
from streams.live.editions import Editions
from streams.live.index_metrics import IndexMetrics
from streams.live.policies import Policies
from streams.patience import ask
from streams.records import encode
from streams.row import Source
from streams.settings import Settings
from streams.topics import ensure_topic, item_vectors_topic, topic_ids
from streams.writer import Boundary, pass_by
from tests.integration.live_shop import Catalogue, build_version, open_live_shop
from tests.integration.live_worker import Digests, WiderDigests

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]


def editions(
    settings: Settings,
    *,
    boundary: Boundary = pass_by,
    load_tower: Callable[[str], Digests] = Digests.of,
) -> Editions:
    metrics = IndexMetrics(CollectorRegistry())
    return Editions(settings, Policies.read(settings), metrics, load_tower, boundary=boundary)


def test_a_version_that_goes_while_its_encoder_loads_makes_way_for_the_one_that_is_current(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """An encoder takes seconds to load; a build with `--keep 1` removes what was current."""
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    store, built = IndexStore(settings.index_dir), list[str]()

    def build_another(line: str) -> None:
        if line == "encoder loaded" and not built:
            built.append(build_version(settings, ["new"]).version)
            assert prune(store, 1)

    edition = editions(settings, boundary=build_another).open(None)
    edition.close()
    assert [edition.live.version] == built


def test_an_encoder_that_goes_with_its_version_makes_way_for_the_current_pair(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    store, built = IndexStore(settings.index_dir), list[str]()

    def load(version: str) -> Digests:
        if version == WiderDigests.version:
            return WiderDigests()
        built.append(build_version(settings, tower=WiderDigests).version)
        assert prune(store, 1)
        raise EncoderMismatchError(f"{version} was removed with its last version")

    edition = editions(settings, load_tower=load).open(None)
    edition.close()
    assert ([edition.live.version], edition.tower.version) == (built, WiderDigests.version)


def test_a_version_that_was_asked_for_by_name_is_not_replaced_by_another(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    store = IndexStore(settings.index_dir)
    asked = store.manifest().version

    def build_another(line: str) -> None:
        build_version(settings, ["new"])
        assert prune(store, 1) == [asked]

    with pytest.raises(UnknownVersionError, match=asked):
        editions(settings, boundary=build_another).open(asked)


def test_what_happens_while_gaps_are_encoded_is_in_the_edition_before_it_serves(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """That takes minutes for many items; who serves meanwhile has lost what is deleted."""
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    catalogue, deleted = Catalogue(settings), list[str]()

    class Slow(WiderDigests):
        def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
            if not deleted:
                deleted.extend(["i3", "new 1"])
                catalogue.delete(*deleted)
                _take_all(settings)
            return super().encode_items(texts)

    catalogue.put(*(Item(item_id=f"new {n}", title=f"New thing {n}") for n in range(3)))
    _take_all(settings)
    build_version(settings, tower=WiderDigests)
    edition = editions(settings, load_tower=lambda _: Slow()).open(None)
    edition.close()
    found = edition.live.catalogue.positions(["new 0", "new 1", "new 2", "i3"])
    assert (found >= 0).tolist() == [True, False, True, False]


def test_what_another_encoders_worker_has_deleted_does_not_come_back(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """Who goes back to an encoder finds in its topic what was deleted since, for good."""
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    items, vectors = settings.topic("items"), item_vectors_topic(settings, WiderDigests.version)
    ensure_topic(settings, vectors)
    producer = Producer(producer_config(settings))
    producer.produce(items, encode(Item(item_id="kept", title="Kept")), b"kept", partition=0)
    where = origin_header(Source(f"{topic_ids(settings, [items])[items]}:0", 0))
    for item_id in ("kept", "ghost"):
        item = Item(item_id=item_id, title="Kept")
        raw = WiderDigests().encode_items(["Kept"])[0].astype("<f4").tobytes()
        body = ItemVector(item=item, encoder_version=WiderDigests.version, vector=raw)
        producer.produce(vectors, encode(body), item_id.encode(), partition=0, headers=[where])
    assert producer.flush(20) == 0
    _take_all(settings)
    build_version(settings, ["ghost"], tower=WiderDigests)
    edition = editions(settings, load_tower=lambda _: WiderDigests()).open(None)
    edition.close()
    assert (edition.live.catalogue.positions(["kept", "ghost"]) >= 0).tolist() == [True, False]


def _take_all(settings: Settings) -> None:
    """As a worker that encodes items with the digests of before commits it."""
    topic = settings.topic("items")
    group = Consumer({**client_config(settings), "group.id": settings.app_id})
    note, taken = Taken(Digests.version, 0).note(), list[TopicPartition]()
    for partition in range(settings.partitions):
        end_of = partial(group.get_watermark_offsets, TopicPartition(topic, partition), timeout=10)
        taken.append(TopicPartition(topic, partition, ask(end_of, 20)[1], note))
    ask(lambda: group.commit(offsets=taken, asynchronous=False), 20)
    group.close()
