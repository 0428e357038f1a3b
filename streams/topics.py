"""Which topics there are, what shape they must have, and how they are made."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from streams.errors import BrokerUnavailableError, FatalError, TopicMismatchError
from streams.kafka_config import client_config, producer_config
from streams.refusal import Complaints, unanswered
from streams.settings import Settings, TopicKind

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._metadata import ClusterMetadata

DEAD_LETTERS: Final = ".dlq"
DAY_MS: Final = 24 * 3600 * 1000
DEAD_LETTER_BYTES: Final = 2_000_000
"""A dead letter is its message, at most the broker's 1 MiB, plus headers: it must fit in turn."""

SOURCES: Final[tuple[TopicKind, ...]] = ("clicks", "searches", "items")
"""Topics that every worker reads, so those with dead letters."""

LEARNED: Final[tuple[TopicKind, ...]] = ("decisions", "impressions", "clicks")
"""Topics that the online learner reads."""


def sources(settings: Settings) -> tuple[TopicKind, ...]:
    """Topics that workers with these settings read."""
    return (*SOURCES, "impressions") if settings.read_impressions else SOURCES


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """The shape of one topic."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str] = field(default_factory=dict)


def dead_letter_topic(topic: str) -> str:
    """Where the unreadable messages of a topic go."""
    return topic + DEAD_LETTERS


def changelog_topic(settings: Settings) -> str:
    """Where the user rows are kept; Faust names it after the app and its table."""
    return _changelog_of(settings.app_id)


def _changelog_of(app_id: str) -> str:
    return f"{app_id}-rows-changelog"


def item_vectors_topic(settings: Settings, encoder_version: str) -> str:
    """Vectors of one encoder; another encoder's never share a topic."""
    return f"{settings.topic_prefix}item-vectors-{encoder_version}"


def learner_app_id(settings: Settings) -> str:
    """The group of the online learner; its state lies in a changelog of its own."""
    return f"{settings.app_id}-learner"


def ensure_topic(settings: Settings, name: str, *, timeout_s: float = 15.0) -> None:
    """Create a compacted topic whose name only a running worker knows, unless it is there.

    Raises:
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: The broker refuses the topic.
    """
    spec = TopicSpec(
        name, settings.partitions, settings.replication_factor, {"cleanup.policy": "compact"}
    )
    _create(settings, [spec], timeout_s)


def all_topics(settings: Settings) -> list[TopicSpec]:
    """Every topic that these settings use, dead letters and the rows' changelog included."""
    week = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)}
    compact = {"cleanup.policy": "compact"}
    configs: dict[TopicKind, Mapping[str, str]] = {
        "clicks": {"cleanup.policy": "delete"},
        "searches": {"cleanup.policy": "delete"},
        "items": compact,
        "impressions": {"cleanup.policy": "delete"},
        "recommendations": week,
        "recommendations_latest": compact,
        "user_features": compact,
        "decisions": week,
    }
    if settings.shop_counts:
        configs["shop_counts"] = compact
    copies = settings.replication_factor
    specs = [
        TopicSpec(settings.topic(kind), settings.partitions, copies, config)
        for kind, config in configs.items()
    ]
    # One partition: there is one current version, and every worker reads all of it.
    specs.append(TopicSpec(settings.topic("index_versions"), 1, copies, compact))
    specs.append(TopicSpec(changelog_topic(settings), settings.partitions, copies, compact))
    letters = {
        "cleanup.policy": "delete",
        "retention.ms": str(30 * DAY_MS),
        "max.message.bytes": str(DEAD_LETTER_BYTES),
    }
    lettered = list(sources(settings))
    if settings.publish_decisions:  # then there is something to learn from
        # Heads and state are large and replaced each minute: only closed segments are compacted.
        replaced = compact | {"segment.bytes": str(64 * 2**20)}
        specs.append(TopicSpec(settings.topic("model_versions"), 1, copies, replaced))
        learned = _changelog_of(learner_app_id(settings))
        specs.append(TopicSpec(learned, settings.partitions, copies, replaced))
        lettered += [kind for kind in LEARNED if kind not in lettered]
    for kind in lettered:
        name = dead_letter_topic(settings.topic(kind))
        specs.append(TopicSpec(name, 1, copies, letters))
    return specs


def create_topics(settings: Settings, *, timeout_s: float = 15.0) -> list[str]:
    """Create what is missing; topics that exist stay as they are. Returns the names created.

    Raises:
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: The broker refuses a topic (too few brokers for its copies, no right).
    """
    return _create(settings, all_topics(settings), timeout_s)


def _create(settings: Settings, specs: list[TopicSpec], timeout_s: float) -> list[str]:
    from confluent_kafka import KafkaError, KafkaException, Producer
    from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

    admin, cluster = connect(settings, timeout_s)
    missing = [spec for spec in specs if spec.name not in cluster.topics]
    if not missing:
        return []
    if is_embedded(cluster):  # it has no CreateTopics, but asking a producer for one makes it
        producer = Producer(producer_config(settings))
        for spec in missing:
            producer.list_topics(spec.name, timeout=timeout_s)
        return [spec.name for spec in missing]
    wanted = [
        NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.config))
        for spec in missing
    ]
    created = []
    for name, future in admin.create_topics(wanted, request_timeout=timeout_s).items():
        try:
            future.result()
        except KafkaException as exception:
            error = exception.args[0]
            if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:  # another one was faster
                continue
            raise as_ours(settings, error, f"topic {name} was not created") from None
        created.append(name)
    _wait_until_known(admin, settings, created, timeout_s)
    return created


def topic_ids(
    settings: Settings, names: Iterable[str], *, timeout_s: float = 15.0
) -> dict[str, str]:
    """The broker's id of each topic: a topic that was deleted and made again has another one.

    The embedded broker has none; there a topic's name stands for its id.

    Raises:
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: A topic does not exist.
    """
    from confluent_kafka import KafkaException, TopicCollection

    wanted = list(names)
    admin, cluster = connect(settings, timeout_s)
    if is_embedded(cluster):
        return {name: name for name in wanted}
    ids = {}
    described = admin.describe_topics(TopicCollection(wanted), request_timeout=timeout_s)
    for name, future in described.items():
        try:
            ids[name] = str(future.result().topic_id)
        except KafkaException as exception:
            raise as_ours(settings, exception.args[0], f"topic {name} has no id") from None
    return ids


def connect(settings: Settings, timeout_s: float) -> tuple[AdminClient, ClusterMetadata]:
    """An admin client, and what the cluster consists of.

    Raises:
        BrokerUnavailableError: No broker answers.
    """
    from confluent_kafka.admin import AdminClient

    complaints = Complaints()
    admin = AdminClient(client_config(settings, error_cb=complaints))
    return admin, _metadata(admin, settings, timeout_s, complaints)


def _metadata(
    admin: AdminClient, settings: Settings, timeout_s: float, complaints: Complaints | None = None
) -> ClusterMetadata:
    from confluent_kafka import KafkaException

    try:
        return admin.list_topics(timeout=timeout_s)
    except KafkaException as exception:
        cause = exception.args[0]
        if complaints is not None:
            cause = complaints.cause(admin, cause)
        raise as_ours(settings, cause, "no topics were listed") from None


def _wait_until_known(
    admin: AdminClient, settings: Settings, names: list[str], timeout_s: float
) -> None:
    """KRaft's controller acknowledges a topic before the brokers know it: wait for them."""
    deadline = time.monotonic() + timeout_s
    while True:
        known = _metadata(admin, settings, timeout_s).topics
        missing = [name for name in names if name not in known or known[name].error is not None]
        if not missing:
            return
        if time.monotonic() > deadline:
            raise BrokerUnavailableError(
                f"topics {', '.join(missing)} were created, but are still unknown at "
                f"{settings.bootstrap_servers} after {timeout_s:.0f} s; look at the broker's log"
            )
        time.sleep(0.05)


def is_embedded(cluster: ClusterMetadata) -> bool:
    """Whether this is librdkafka's mock cluster, which answers metadata requests but no admin's."""
    return str(cluster.cluster_id).startswith("mockCluster")


def as_ours(settings: Settings, error: Any, what: str) -> BrokerUnavailableError | FatalError:
    """The broker's answer by fate: unreachable and slow brokers come back, the rest does not."""
    from confluent_kafka import KafkaError

    unreachable = {
        KafkaError._TRANSPORT,  # noqa: SLF001 - confluent-kafka has no public name for it
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._SSL,  # noqa: SLF001
    }
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return TopicMismatchError(f"{what}: it does not exist; run `rillstream topics create`")
    if error.code() in unreachable or error.retriable():
        return unanswered(settings.bootstrap_servers, error, what)
    return TopicMismatchError(f"{what}: {error.str()}")
