"""Trained encoder, index, announcement: by the commands a user types, at a worker that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer

from index import IndexStore
from scoring.encoder import identify
from streams.brokers.kafka import KafkaBroker
from streams.cli.main import run
from streams.events import Click
from streams.items import Item
from streams.kafka_config import producer_config
from streams.records import encode
from streams.topics import create_topics
from tests.integration.live_shop import Catalogue, Shoppers, ids
from tests.integration.shop import make_settings
from tests.integration.worker_process import WorkerProcess, workers
from tests.scoring.conftest import save_bert

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

TITLES = [f"{colour} {thing}" for colour in ("red", "blue", "green") for thing in ("mug", "cable")]


def test_a_worker_takes_what_the_build_announces_and_refuses_what_was_damaged(
    kafka: KafkaBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = make_settings(kafka.bootstrap, tmp_path)
    create_topics(settings)
    models = [save_bert(tmp_path / f"m{seed}", dim=16 * seed, seed=seed) for seed in (1, 2)]
    versions = [identify(model)[0] for model in models]
    catalogue = tmp_path / "items.jsonl"
    lines = (json.dumps({"item_id": title, "title": title}) for title in TITLES)
    catalogue.write_text("\n".join(lines))
    for name in ("bootstrap_servers", "topic_prefix", "index_dir"):
        monkeypatch.setenv(f"RILLSTREAM_{name.upper()}", str(getattr(settings, name)))

    def rillstream(*words: str) -> None:
        assert run(["index", *words]) == 0, capsys.readouterr().err

    rillstream("build", str(catalogue), "--encoder", str(models[0]))
    worker = WorkerProcess(settings, "w0", module="tests.integration.real_worker")
    shoppers = Shoppers(settings)
    with workers(worker):
        worker.start()  # nothing tells it which encoder to load
        shoppers.wait_until("red mug", lambda each: each.encoder_version == versions[0], 60)
        rillstream("build", str(catalogue), "--encoder", str(models[1]), "--announce")
        shoppers.wait_until("red mug", lambda each: each.encoder_version == versions[1], 60)
        Catalogue(settings).put(Item(item_id="late", title="small tea set"))
        shoppers.wait_until("small tea set", lambda each: ids(each)[0] == "late")

        weights = settings.index_dir / ".encoders" / versions[0] / "model.safetensors"
        weights.chmod(0o644)
        raw = bytearray(weights.read_bytes())
        raw[-1] ^= 1
        weights.write_bytes(raw)
        rillstream("rollback", "--announce")
        worker.wait_for_log("index version refused")
        assert "model.safetensors has another SHA-256" in worker.log_text()
        lists = shoppers.ask("small tea set").values()
        assert {(each.encoder_version, ids(each)[0]) for each in lists} == {(versions[1], "late")}

        raw[-1] ^= 1
        weights.write_bytes(raw)
        first = IndexStore(settings.index_dir).manifest().version
        rillstream("rollback", first, "--announce")
        shoppers.wait_until(
            "small tea set",
            lambda each: (each.encoder_version, ids(each)[0]) == (versions[0], "late"),
            60,
        )

        # A list's id leads back to the words that it answers, by which an encoder is taught anew.
        asked = shoppers.ask("red mug")["shopper-3"]
        click = Click(
            event_id="c",
            user_id="shopper-3",
            type="purchase",
            item_id="blue cable",
            at_ms=asked.trigger.at_ms + 1,
            recommendation_id=asked.recommendation_id,
        )
        shoppers.ask("green mug")  # the latest search is another
        producer = Producer(producer_config(settings))
        producer.produce(settings.topic("clicks"), encode(click), b"shopper-3")
        assert producer.flush(20) == 0
        export = ["export", "--out", str(tmp_path / "logs"), "--with-searches", "--format", "jsonl"]
        assert run(export) == 0, capsys.readouterr().err
        (line,) = (tmp_path / "logs" / "searched.jsonl").read_text().splitlines()
        row = json.loads(line)
        assert (row["query"], row["title"], row["score"]) == ("red mug", "blue cable", 3)
        assert worker.stop() == 0
    shoppers.close()
