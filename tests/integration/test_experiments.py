"""An experiment over a real Kafka: two variants, a shadow, and a policy that is replaced."""

import os
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from scoring.experiments.experiment import read_experiment
from streams.brokers.kafka import KafkaBroker
from streams.decision_record import DecisionRecord, decode_decision
from streams.kafka_config import consumer_config
from streams.outputs import Recommendation
from tests.integration.live_shop import USERS, Shoppers, live_worker, open_live_shop
from tests.integration.worker_process import workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120)]

EXPERIMENT = """name = "sizes"
[[variants]]
name = "five"
share = 0.5
policy = { slate_size = 5 }
[[variants]]
name = "other"
share = 0.5
policy = "other.toml"
[[shadows]]
name = "drawn"
beside = "five"
policy = { draw = "softmax" }
"""


def put(file: Path, text: str) -> None:
    """Replaced whole, as `rillstream policy promote` does."""
    file.with_suffix(".new").write_text(text)
    os.replace(file.with_suffix(".new"), file)


def test_variants_and_a_shadow_serve_and_a_promoted_policy_outlives_a_kill(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, policy = tmp_path / "experiment.toml", tmp_path / "other.toml"
    put(policy, "slate_size = 3\n")
    put(file, EXPERIMENT)
    monkeypatch.setenv("RILLSTREAM_EXPERIMENT", str(file))
    monkeypatch.setenv("RILLSTREAM_PUBLISH_DECISIONS", "true")
    settings = open_live_shop(kafka.bootstrap, tmp_path, publish_decisions=True)
    experiment = read_experiment(file)
    arms = {user: arm.name for user in USERS if (arm := experiment.variant_of(user)) is not None}
    assert set(arms.values()) == {"five", "other"}
    shoppers, worker = Shoppers(settings), live_worker(settings, "w0")
    lists: list[Recommendation] = []

    def sizes() -> dict[str, set[int]]:
        """Of the lists of each variant, as the lists themselves say."""
        found: dict[str, set[int]] = {}
        for each in shoppers.ask("Thing 3").values():
            lists.append(each)
            assert (each.experiment, each.variant) == ("sizes", arms[each.user_id])
            found.setdefault(each.variant or "", set()).add(len(each.items))
        return found

    with workers(worker):
        worker.start()
        worker.wait_for_log("worker ready")
        assert sizes() == {"five": {5}, "other": {3}}
        put(policy, "slate_size = 2\n")
        worker.wait_for_log("policies in force")
        assert sizes() == {"five": {5}, "other": {2}}
        put(policy, "slate_size = 4\n")
        worker.kill()
        worker.start()
        assert sizes() == {"five": {5}, "other": {4}}
        assert worker.stop() == 0
    shoppers.close()
    versions = {(each.variant, each.policy_version) for each in lists}
    assert len(versions) == 4
    records = recorded(settings.topic("decisions"), consumer_config(settings, "reader"), lists)
    shadows = {each.recommendation_id for each in records if each.shadow}
    of_five = {each.recommendation_id for each in lists if each.variant == "five"}
    assert shadows == {f"{each}~drawn" for each in of_five}
    shown = {each.recommendation_id: each for each in records if not each.shadow}
    assert {(each.variant, each.policy_version) for each in shown.values()} == versions


def recorded(
    topic: str, config: dict[str, object], lists: list[Recommendation]
) -> list[DecisionRecord]:
    """The decisions topic, up to a record of each list and those of the shadow before it."""
    missing = {each.recommendation_id for each in lists}
    missing |= {f"{each.recommendation_id}~drawn" for each in lists if each.variant == "five"}
    consumer = Consumer({**config, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[DecisionRecord] = []
    while missing:
        message = consumer.poll(10)
        assert message is not None, f"no record of {sorted(missing)}"
        if message.error() is None:
            found.append(decode_decision(message.value()))
            missing.discard(found[-1].recommendation_id)
    consumer.close()
    return found
