"""The images, the compose file and the topics agree with the code."""

import json
import re
import shlex
from dataclasses import asdict
from pathlib import Path

import yaml

from streams.brokers.kafka_java import KAFKA_VERSION
from streams.cli.supervisor import DRAIN_S
from streams.probes import READY
from streams.settings import ENV_PREFIX, Settings
from streams.topics import all_topics
from tests.commands import parse

DEPLOY = Path(__file__).parents[2] / "deploy"
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


def test_workers_that_cannot_write_the_index_start_no_rebuilds() -> None:
    """Each would fail, for ever."""
    assert "indexes:/var/lib/rillstream/indexes:ro" in COMPOSE
    assert 'RILLSTREAM_REBUILD_AT: "0"' in COMPOSE


def test_workers_are_healthy_once_they_are_ready() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    for name in ("worker-0", "worker-1"):
        port = services[name]["environment"]["RILLSTREAM_METRICS_PORT"]
        assert f"http://127.0.0.1:{port}{READY}" in services[name]["healthcheck"]["test"][-1]


def test_commands_of_the_compose_file_parse() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    for name, service in services.items():
        if service["image"] == "rillstream" and "entrypoint" not in service:
            parse(service.get("command", ["worker"]))
        for line in re.findall(r"rillstream (.+)", " ".join(map(str, service.get("command", [])))):
            parse(shlex.split(line.replace("$$", "$")))
        assert name


def test_workers_are_given_the_time_to_drain() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    for name in ("worker-0", "worker-1"):
        grace_s = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace_s >= Settings.model_construct().session_timeout_s + DRAIN_S


def test_the_image_has_what_an_object_store_needs() -> None:
    """The manifests keep index versions in one."""
    assert "for extra in (sys.argv[1], 'onnx', 's3')" in DOCKERFILE
