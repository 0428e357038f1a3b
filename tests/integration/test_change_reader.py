"""From where a version ends to what the topic holds: on a real Kafka, without a worker."""

import time
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from index import IndexStore, LiveIndex, Manifest
from index.manifest import MANIFEST_NAME, encode_manifest
from streams.brokers.kafka import KafkaBroker
from streams.cli.doctor import _changes
from streams.item_changes import ItemChange, Upsert
from streams.items import Item, ItemVector
from streams.kafka_config import producer_config
from streams.live.change_reader import ChangeReader
from streams.live.index_metrics import IndexMetrics
from streams.records import encode
from streams.settings import Settings
from streams.topics import ensure_topic, item_vectors_topic, topic_ids
from tests.integration.live_shop import build_version, open_live_shop
from tests.integration.live_worker import Digests, vectors_of
from tests.integration.shop import N_ITEMS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]

PARTITION = 1
DAY_MS = 24 * 3600 * 1000


class Vectors:
    """Who writes the item-vectors topic."""

    def __init__(self, settings: Settings, **config: object) -> None:
        self.topic = item_vectors_topic(settings, Digests.version)
        ensure_topic(settings, self.topic)
        self.source = f"{topic_ids(settings, [self.topic])[self.topic]}:{PARTITION}"
        self.producer = Producer(producer_config(settings, **config))

    def put(self, *item_ids: str) -> None:
        for item_id in item_ids:
            title = f"More {item_id}"
            item = Item(item_id=item_id, title=title)
            raw = vectors_of([title])[0].astype("<f4").tobytes()
            body = encode(ItemVector(item=item, encoder_version=Digests.version, vector=raw))
            self.producer.produce(self.topic, body, item_id.encode(), partition=PARTITION)
        assert self.producer.flush(20) == 0

    def delete(self, item_id: str) -> None:
        self.producer.produce(self.topic, None, item_id.encode(), partition=PARTITION)
        assert self.producer.flush(20) == 0


def aged(settings: Settings, manifest: Manifest, days: float) -> Manifest:
    """The same version, built so long ago."""
    path = settings.index_dir / manifest.version / MANIFEST_NAME
    older = msgspec.structs.replace(
        manifest, created_at_ms=manifest.created_at_ms - int(days * DAY_MS)
    ).sealed()
    path.chmod(0o644)
    path.write_bytes(encode_manifest(older))
    return older


def caught_up(settings: Settings, topic: str) -> tuple[LiveIndex, int]:
    """The current version, with all that the topic says; and how many changes that took."""
    live = LiveIndex(IndexStore(settings.index_dir).open())

    def apply(change: ItemChange) -> None:
        if isinstance(change, Upsert):
            live.upsert(change.item, change.vector)
        else:
            live.delete(change.item_id)

    reader = ChangeReader(settings, topic, live.manifest, IndexMetrics(CollectorRegistry()))
    n_changes = reader.catch_up(apply, live.catalogue.ids[: len(live)], timeout_s=20)
    reader.close()
    return live, n_changes


def test_only_what_came_after_the_build_is_read(kafka: KafkaBroker, tmp_path: Path) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    vectors = Vectors(settings)
    vectors.put("a", "b", "c")
    build_version(settings, ["a", "b", "c"], items_read={vectors.source: 3})
    assert caught_up(settings, vectors.topic)[1] == 0
    vectors.put("d")
    vectors.delete("a")
    live, n_changes = caught_up(settings, vectors.topic)
    assert n_changes == 2
    assert live.catalogue.position("d") == N_ITEMS + 3
    assert live.catalogue.position("a") == -1
    assert live.catalogue.position("i1") >= 0


def test_a_version_from_a_file_reads_all_and_keeps_its_items(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    vectors = Vectors(settings)
    vectors.put("a", "b")
    aged(settings, IndexStore(settings.index_dir).manifest(), days=400)
    live, n_changes = caught_up(settings, vectors.topic)
    assert n_changes == 2
    assert live.n_tombstones == 0


@pytest.mark.parametrize(("days", "n_changes", "gone"), [(0.5, 0, False), (1.5, 2, True)])
def test_past_the_memory_of_deletions_all_is_compared(
    kafka: KafkaBroker, tmp_path: Path, days: float, n_changes: int, gone: bool
) -> None:
    """`ghost` was deleted, and the topic (delete.retention.ms: a day) does not know it any more."""
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    vectors = Vectors(settings)
    vectors.put("a", "b")
    manifest = build_version(settings, ["a", "b", "ghost"], items_read={vectors.source: 2})
    aged(settings, manifest, days)
    live, found = caught_up(settings, vectors.topic)
    assert found == n_changes
    assert (live.catalogue.position("ghost") == -1) == gone
    assert live.catalogue.position("a") >= 0


def test_offsets_of_another_topic_of_that_name_mean_nothing(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    vectors = Vectors(settings)
    vectors.put("a")
    build_version(settings, ["a"], items_read={"its-id-before:1": 1_000})
    live, n_changes = caught_up(settings, vectors.topic)
    assert n_changes == 1
    assert live.n_tombstones == 0


def test_the_doctor_says_what_waits(kafka: KafkaBroker, tmp_path: Path) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    vectors = Vectors(settings)
    vectors.put("a", "b", "c")
    manifest = build_version(settings, ["a"], items_read={vectors.source: 1})

    def found() -> list[tuple[str, str]]:
        looked = [(f.status, f.detail) for f in _changes(settings, manifest)]
        return [(status, detail.partition(" records")[0]) for status, detail in looked]

    assert found() == [("ok", "2")]
    manifest = aged(settings, manifest, days=2)
    assert found() == [("note", "2")]
    manifest = build_version(settings, encoder_version="another")
    assert found() == [("ok", "no worker has encoded an item yet")]


def test_what_was_aborted_never_happened(kafka: KafkaBroker, tmp_path: Path) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    vectors = Vectors(settings, **{"transactional.id": f"t{time.time_ns()}"})
    vectors.producer.init_transactions(20)
    vectors.producer.begin_transaction()
    vectors.put("committed")
    vectors.producer.commit_transaction(20)
    vectors.producer.begin_transaction()
    vectors.put("aborted")
    vectors.delete("i1")
    vectors.producer.abort_transaction(20)
    live, n_changes = caught_up(settings, vectors.topic)
    assert n_changes == 1
    assert live.catalogue.position("committed") >= 0
    assert live.catalogue.position("aborted") == -1
    assert live.catalogue.position("i1") >= 0
