"""What is in deploy/ agrees with the code."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from streams.brokers.kafka_java import KAFKA_VERSION
from streams.learning.metrics import LearnerMetrics
from streams.live.heads_follower import HeadsFollower
from streams.live.index_metrics import IndexMetrics
from streams.metrics import StepMetrics
from streams.settings import ENV_PREFIX, Settings
from streams.topics import all_topics

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
(GROUP,) = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
ALERTS: list[dict[str, Any]] = GROUP["rules"]
OPERATIONS = (DEPLOY.parent / "docs" / "operations.md").read_text()


def test_the_topic_definitions_are_those_of_the_code() -> None:
    """Made by: rillstream topics create --dry-run --json > deploy/topics.json."""
    listed = [json.loads(line) for line in (DEPLOY / "topics.json").read_text().splitlines()]
    assert listed == [asdict(spec) for spec in all_topics(Settings.model_construct())]


def test_every_setting_in_the_images_exists() -> None:
    names = set(re.findall(rf"{ENV_PREFIX}([A-Z_]+)[:=]", COMPOSE + DOCKERFILE))
    assert names
    assert {name.lower() for name in names} <= set(Settings.model_fields)


def test_compose_runs_the_kafka_that_the_tests_run() -> None:
    assert f"image: apache/kafka:{KAFKA_VERSION}" in COMPOSE


def test_the_image_runs_without_root() -> None:
    user = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    assert int(user[-1]) > 0


def test_the_broker_is_published_on_this_machine_only() -> None:
    ports = re.findall(r'^ +- "([^"]*:\d+)"$', COMPOSE, re.MULTILINE)
    assert ports == ["127.0.0.1:9092:9092"]


def test_workers_that_cannot_write_the_index_start_no_rebuilds() -> None:
    """Each would fail, for ever."""
    assert "indexes:/var/lib/rillstream/indexes:ro" in COMPOSE
    assert 'RILLSTREAM_REBUILD_AT: "0"' in COMPOSE


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_metrics_and_labels_that_there_are(alert: dict[str, Any]) -> None:
    asked = re.findall(r"(rillstream_\w+)(?:\{([^}]*)\})?", alert["expr"])
    assert asked or alert["expr"].startswith("up{")
    offered = metrics()
    for name, matchers in asked:
        assert name in offered, f"{name} is offered by nobody"
        assert set(re.findall(r"(\w+)\s*[!=]", matchers)) <= offered[name]


def test_each_alert_has_its_line_in_the_operations() -> None:
    rows = re.findall(r"^\| `(Rillstream\w+)` \|", OPERATIONS, re.MULTILINE)
    assert rows == [alert["alert"] for alert in ALERTS]


def test_the_operations_list_every_metric_and_no_other() -> None:
    written = re.findall(r"`(rillstream_[a-z_]+)(?:\{([a-z_, ]+)\})?`", OPERATIONS)
    offered = metrics()
    # Of the names of a counter, a histogram and an information, those that people ask for.
    asked = {
        name
        for name in offered
        if not name.endswith(("_bucket", "_sum", "_count"))
        and not {f"{name}_total", f"{name}_info"} & offered.keys()
    }
    assert {name for name, _ in written} == asked
    told = {(name, frozenset(filter(None, labels.split(", ")))) for name, labels in written}
    assert told >= {(name, frozenset(offered[name])) for name in asked}


def metrics() -> dict[str, set[str]]:
    """Each series that workers and learner offer, by its name in Prometheus -> its labels."""
    registry = StepMetrics().registry
    IndexMetrics(registry).serves("20260101T120000.000Z-0123abcd", "bert-384-fa46c9f4a72f")
    LearnerMetrics(registry)
    HeadsFollower(cast(Any, None), dict, str, lambda heads, version: None, registry)
    found: dict[str, set[str]] = {}
    for collector, names in registry._collector_to_names.items():
        samples = [sample for family in collector.collect() for sample in family.samples]
        labels = {label for sample in samples for label in sample.labels} - {"le"}
        labels |= set(getattr(collector, "_labelnames", ()))
        found |= {name: labels for name in names if not name.endswith("_created")}
    return found
