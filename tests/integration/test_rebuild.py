"""`rillstream index rebuild` on a real Kafka: transactions, and an end that moves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from index import IndexStore
from scoring.encoder import identify
from streams.brokers.kafka import KafkaBroker
from streams.encoders import Encoders
from streams.index_versions import decode
from streams.items import Item, ItemVector
from streams.kafka_config import producer_config
from streams.records import encode
from streams.settings import Settings
from streams.topics import create_topics, ensure_topic, item_vectors_topic, topic_ids
from tests.index.vectors import unit_rows
from tests.integration.shop import make_settings
from tests.integration.worker_process import ROOT
from tests.scoring.conftest import save_bert
from tests.streams.reading import messages

pytestmark = pytest.mark.kafka

VERSION, DIM = identify()
ROWS = unit_rows(500, dim=DIM)


def a_vector(n: int, price: float | None = None) -> bytes:
    item = Item(item_id=f"i{n}", title=f"Teapot {n}", price=price)
    raw = ROWS[n].astype("<f4").tobytes()
    return encode(ItemVector(item=item, encoder_version=VERSION, vector=raw))


@pytest.fixture
def settings(kafka: KafkaBroker, tmp_path: Path) -> Settings:
    settings = make_settings(kafka.bootstrap, tmp_path)
    create_topics(settings)
    ensure_topic(settings, item_vectors_topic(settings, VERSION))
    return settings


def rebuild(settings: Settings, **env: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "streams.cli.main", "index", "rebuild", "--json"),
            *("--broker", settings.bootstrap_servers, "--index-dir", str(settings.index_dir)),
        ],
        cwd=ROOT,
        env={**os.environ, "RILLSTREAM_TOPIC_PREFIX": settings.topic_prefix, **env},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    built: dict[str, Any] = json.loads(done.stdout)
    made = built["build_parameters"]
    assert f"of {made['source']}: {made['records']} records of the topic read" in done.stderr
    return built


def test_only_committed_records_count_and_the_end_is_behind_the_markers(settings: Settings) -> None:
    topic = item_vectors_topic(settings, VERSION)
    producer = Producer(producer_config(settings, **{"transactional.id": settings.app_id}))
    producer.init_transactions()

    def transact(*records: tuple[int, bytes | None], commit: bool = True) -> None:
        producer.begin_transaction()
        for n, value in records:
            producer.produce(topic, value, f"i{n}".encode())
        producer.flush(20)
        producer.commit_transaction() if commit else producer.abort_transaction()

    transact(*((n, a_vector(n)) for n in range(400)))
    transact(*((n, a_vector(n, price=1.0)) for n in range(100)), commit=False)
    transact((7, None), (8, a_vector(8, price=2.0)))
    transact(*((n, a_vector(n)) for n in range(400, 420)), commit=False)
    built = rebuild(settings)
    assert (built["count"], built["build_parameters"]["records"]) == (399, 402)
    catalogue = IndexStore(settings.index_dir).open().catalogue
    assert catalogue.position("i7") == -1
    assert catalogue.prices[catalogue.position("i8")] == 2.0
    assert np.isnan(catalogue.prices[catalogue.position("i9")])
    names = [topic, settings.topic("items")]
    topic_id, items_id = topic_ids(settings, names).values()
    read = built["items_read"]
    assert set(read) == {f"{t}:{p}" for t in (topic_id, items_id) for p in range(4)}
    for message in messages(settings, topic):
        assert (message.offset() or 0) < read[f"{topic_id}:{message.partition()}"]

    # From there on a worker misses nothing and reads nothing twice.
    transact((8, None), (499, a_vector(499)))
    newer = [
        message.key()
        for message in messages(settings, topic)
        if (message.offset() or 0) >= read[f"{topic_id}:{message.partition()}"]
    ]
    assert sorted(key or b"" for key in newer) == [b"i499", b"i8"]
    again = rebuild(settings)
    assert again["count"] == 399
    assert again["build_parameters"]["source"] == "topic"
    said = [decode(m.value()).version for m in messages(settings, settings.topic("index_versions"))]
    assert said == [built["version"], again["version"]]


def test_an_open_transaction_is_left_to_the_next_build(settings: Settings) -> None:
    """What its worker commits later is behind the offsets that the version has read."""
    topic = item_vectors_topic(settings, VERSION)
    plain = Producer(producer_config(settings))
    plain.produce(topic, a_vector(1), b"i1", partition=0)
    assert plain.flush(20) == 0
    slow = Producer(producer_config(settings, **{"transactional.id": f"slow-{settings.app_id}"}))
    slow.init_transactions()
    slow.begin_transaction()
    slow.produce(topic, a_vector(2), b"i2", partition=0)
    slow.flush(20)
    plain.produce(topic, a_vector(3), b"i3", partition=0)
    assert plain.flush(20) == 0
    built = rebuild(settings)
    slow.commit_transaction()
    assert built["count"] == 1
    topic_id = topic_ids(settings, [topic])[topic]
    assert built["items_read"][f"{topic_id}:0"] == 1
    assert rebuild(settings)["count"] == 3


def test_the_first_version_of_a_shop_keeps_its_encoder_beside_it(
    settings: Settings, tmp_path: Path
) -> None:
    """Workers elsewhere have the index folder, and not the folder that RILLSTREAM_ENCODER names."""
    folder = tmp_path / "model"
    save_bert(folder)
    version, dim = identify(str(folder))
    topic = item_vectors_topic(settings, version)
    ensure_topic(settings, topic)
    producer = Producer(producer_config(settings))
    for n, row in enumerate(unit_rows(5, dim=dim)):
        item = Item(item_id=f"i{n}", title=f"Teapot {n}")
        raw = row.astype("<f4").tobytes()
        value = encode(ItemVector(item=item, encoder_version=version, vector=raw))
        producer.produce(topic, value, f"i{n}".encode())
    producer.flush(20)
    assert rebuild(settings, RILLSTREAM_ENCODER=str(folder))["encoder_version"] == version
    shutil.rmtree(folder)
    assert Encoders(settings).source(version) is not None
