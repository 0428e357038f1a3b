"""Whether the broker's topics have the shape that the settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from streams.settings import Settings
from streams.topics import TopicSpec, all_topics, as_ours, connect, is_embedded

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient


def check_topics(settings: Settings, *, timeout_s: float = 15.0) -> list[str]:
    """What is wrong with the topics, one sentence each with the way out; empty when all is well.

    Raises:
        BrokerUnavailableError: No broker answers.
    """
    admin, cluster = connect(settings, timeout_s)
    embedded = is_embedded(cluster)
    problems = []
    present = []
    missing = []
    for spec in all_topics(settings):
        topic = cluster.topics.get(spec.name)
        if topic is None:
            missing.append(spec.name)
            continue
        present.append(spec)
        found = len(topic.partitions)
        if found != spec.partitions and not embedded:
            problems.append(
                f"topic {spec.name} has {found} partitions, the settings say {spec.partitions}: "
                f"set RILLSTREAM_PARTITIONS={found}, or recreate the topic; where there are rows "
                'already, docs/delivery.md, "More partitions", says what either costs'
            )
    if not embedded:
        problems += _check_configs(admin, settings, present, timeout_s)
        if missing:
            names = ", ".join(missing)
            problems.append(f"missing topics, run `rillstream topics create`: {names}")
    return problems


def _check_configs(
    admin: AdminClient, settings: Settings, specs: list[TopicSpec], timeout_s: float
) -> list[str]:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]

    resources = {ConfigResource("topic", spec.name): spec for spec in specs}
    if not resources:
        return []
    problems = []
    answers: dict[Any, Future[Any]] = admin.describe_configs(
        list(resources), request_timeout=timeout_s
    )
    for resource, future in answers.items():
        spec = resources[resource]
        try:
            found = {name: entry.value for name, entry in future.result().items()}
        except KafkaException as exception:
            raise as_ours(settings, exception.args[0], f"{spec.name} was not read") from None
        problems += _differences(spec, found)
    return problems


def _differences(spec: TopicSpec, found: Mapping[str, str]) -> list[str]:
    """What a worker cannot do without: rows that are not deleted, letters that have room."""
    policy = spec.config["cleanup.policy"]
    wrong = {}
    if found["cleanup.policy"] != policy:
        wrong["cleanup.policy"] = policy
    room = spec.config.get("max.message.bytes")
    if room is not None and int(found["max.message.bytes"]) < int(room):
        wrong["max.message.bytes"] = room
    return [
        f"topic {spec.name} has {name}={found[name]}, it should be {value}: "
        f"kafka-configs.sh --alter --topic {spec.name} --add-config {name}={value}"
        for name, value in wrong.items()
    ]
