"""What is in deploy/ agrees with the code."""

import json
import re
from dataclasses import asdict
from pathlib import Path

from streams.brokers.kafka_java import KAFKA_VERSION
from streams.settings import ENV_PREFIX, Settings
from streams.topics import all_topics

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


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
