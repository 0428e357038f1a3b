"""A file of rules under a running worker: what changes in it holds in the next lists."""

import os
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from streams.brokers.kafka import KafkaBroker
from streams.decision_record import DecisionRecord, decode_decision
from streams.events import Impression
from streams.items import Item
from streams.kafka_config import consumer_config, producer_config
from streams.records import encode
from tests.integration.live_shop import (
    USERS,
    Catalogue,
    Shoppers,
    ids,
    live_worker,
    open_live_shop,
)
from tests.integration.worker_process import workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(180)]


def write(file: Path, text: str) -> None:
    """All at once, as whoever edits rules in production should."""
    file.with_suffix(".new").write_text(text)
    os.replace(file.with_suffix(".new"), file)


def test_rules_change_under_a_running_worker_and_a_broken_file_changes_nothing(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.toml"
    write(file, "[block]\nitems = ['i3']\n")
    for name, value in (
        ("RULES", str(file)),
        ("READ_IMPRESSIONS", "true"),
        ("PUBLISH_DECISIONS", "true"),
    ):
        monkeypatch.setenv(f"RILLSTREAM_{name}", value)
    settings = open_live_shop(kafka.bootstrap, tmp_path, read_impressions=True)
    shoppers, worker = Shoppers(settings), live_worker(settings, "w0")
    with workers(worker):
        worker.start()
        worker.wait_for_log("worker ready")
        shoppers.wait_until("Thing 3", lambda each: "i3" not in ids(each))
        write(file, "[[pins]]\nitem = 'i9'\nposition = 1\nreason = 'deal'\n")
        shoppers.wait_until(
            "Thing 3", lambda each: ids(each)[:2] == ["i9", "i3"] and each.items[0].reason == "deal"
        )
        write(file, "[pin]\nitem = 'i9'\n")
        worker.wait_for_log("rules refused, the old ones go on")
        assert {ids(each)[0] for each in shoppers.ask("Thing 3").values()} == {"i9"}
        write(file, "[seen]\ntimes = 2\n")
        worker.wait_for_log("rules in force", 2)
        versions = {each.rules_version for each in shoppers.ask("Thing 3").values()}
        assert len(versions) == 1
        Catalogue(settings).put(Item(item_id="new", title="Something new"))
        shoppers.wait_until("Something new", lambda each: ids(each)[0] == "new")
        show(settings.topic("impressions"), producer_config(settings), "i3", times=2)
        shoppers.wait_until("Thing 3", lambda each: "i3" not in ids(each))
        assert worker.stop() == 0
    shoppers.close()
    records = recorded(settings.topic("decisions"), consumer_config(settings, "reader"))
    assert {record.rules_version for record in records} >= versions
    assert any(record.rules.get("seen") for record in records)
    assert list(records[0].items_read.values()) == []
    assert list(records[-1].items_read.values()) == [1], "one item has changed"


def show(topic: str, config: dict[str, object], item_id: str, *, times: int) -> None:
    """An item shown to every user."""
    producer = Producer(config)
    for user in USERS:
        for n in range(times):
            impression = Impression(
                user_id=user,
                recommendation_id=f"r{n}",
                at_ms=time.time_ns() // 1_000_000,
                item_ids=(item_id,),
            )
            producer.produce(topic, encode(impression), user.encode())
    assert producer.flush(20) == 0


def recorded(topic: str, config: dict[str, object]) -> list[DecisionRecord]:
    """What is on the decisions topic."""
    consumer = Consumer({**config, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[DecisionRecord] = []
    begun = time.monotonic()
    while time.monotonic() - begun < 20 and not any(each.rules.get("seen") for each in found):
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(decode_decision(message.value()))
    consumer.close()
    return found
