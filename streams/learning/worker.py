"""A learner from its settings: heads loaded first, then the stream; one at a time learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from scoring.errors import RankerError
from scoring.joined_log_file import read_joined_log
from scoring.online.examples import examples_of
from scoring.online.learner import OnlineLearner
from scoring.online.settings import OnlineSettings
from scoring.ranker.heads import Heads
from scoring.training.rows import Reading
from streams.errors import SettingsError, TopicMismatchError
from streams.health import Health
from streams.kafka_config import client_config
from streams.learning.alone import wait_until_alone
from streams.learning.course import Course, Taught
from streams.learning.metrics import LearnerMetrics
from streams.learning.reread import RereadPositions
from streams.learning.step import LearnedTopics, Learning, LearningStep
from streams.learning.timing import Timing
from streams.logs import configure_logging
from streams.metrics import StepMetrics
from streams.parts import Work
from streams.positions import GroupPositions, Source
from streams.probes import offered
from streams.serve import serve
from streams.settings import Settings
from streams.state_folder import name_in
from streams.table import RowTable
from streams.topic_check import check_topics
from streams.topics import LEARNED, learner_app_id, sources
from streams.writer import Boundary, pass_by

log = structlog.get_logger(__name__)

Report = Callable[[Taught, Course], None]

_HEADS = "heads.safetensors"
_MARGIN_S = 5.0
"""After the session time-out, until the broker has noticed that a member is gone."""


def run(
    settings: Settings,
    report: Report,
    *,
    boundary: Boundary = pass_by,
    change: Callable[[Learning], Learning] = lambda learning: learning,
) -> int:
    """Learn until SIGTERM or SIGINT; returns the exit code (see `streams.serve.serve`).

    Args:
        settings: Everything that can be set.
        report: Told each round, in the thread that learns.
        boundary: Called at each line of the crash table.
        change: Another way to learn, for tests.

    Raises:
        SettingsError: There is no ranker, or workers do not say what their lists were made of, or
            another learner goes on learning.
        TopicMismatchError: A topic is missing or has the wrong shape; nothing was consumed.
    """
    learning = change(learning_of(settings))
    if problems := check_topics(settings):
        raise TopicMismatchError("; ".join(problems))
    configure_logging(settings)
    own = settings.model_copy(
        update={
            "app_id": learner_app_id(settings),
            "state_dir": settings.state_dir / "learner",
            "delivery": "exactly_once",
        }
    )
    OnlineLearner(learning.base, learning.settings)  # imports seconds' worth, before anything waits
    topics = topics_of(settings)
    metrics, health = StepMetrics(), Health.of(own)
    counts = LearnerMetrics(metrics.registry)

    def stood() -> Mapping[Source, int | None]:
        positions = GroupPositions(client_config(own), own.app_id)
        try:
            return positions.committed(topics.sources, own.session_timeout_s + 60)
        finally:
            positions.close()

    def told(taught: Taught, course: Course) -> None:
        counts.taught(taught)
        report(taught, course)

    def plan(rows: RowTable) -> list[Work]:
        step = LearningStep(learning, topics, rows, stood, told, counts.read)
        names = [topics.decisions, topics.impressions, topics.clicks]
        return [Work("learning", names, [topics.model_versions], step)]

    with offered(settings.metrics_port, settings.metrics_address, health, metrics.registry):
        name = name_in(own.state_dir) if own.static_membership else ""
        wait_until_alone(own, own.app_id, name, own.session_timeout_s + _MARGIN_S)
        return serve(
            own, plan, metrics=metrics, health=health, boundary=boundary, positions=RereadPositions
        )


def learning_of(settings: Settings) -> Learning:
    """What the settings ask for.

    Raises:
        SettingsError: There is no ranker, or workers do not say what their lists were made of.
        RowsError: The file of the past has a bad row.
        OnlineError: It has other features.
    """
    if settings.ranker is None:
        raise SettingsError(
            "nothing to begin with: name the folder of a ranker with --ranker or RILLSTREAM_RANKER "
            '(rillstream train with kind = "ranker")'
        )
    if not settings.publish_decisions:
        raise SettingsError(
            "learning reads what lists were made of: set RILLSTREAM_PUBLISH_DECISIONS=true for "
            "workers and learner, then `rillstream topics create`"
        )
    online = OnlineSettings(
        rate=settings.learn_rate,
        replay=settings.learn_replay,
        distance=settings.learn_distance,
        looked=settings.learn_looked,
        rollback_at=settings.learn_rollback,
    )
    heads = base_heads(settings.ranker)
    past = None
    if settings.learn_past is not None:
        reading = Reading(way_out="Mend the row of RILLSTREAM_LEARN_PAST, or take it out")
        past = examples_of(read_joined_log([settings.learn_past], reading=reading), heads)
    return Learning(
        heads,
        online,
        Timing.of(settings),
        past,
        max_bytes=settings.max_message_bytes,
        threads=settings.torch_threads,
    )


def base_heads(ranker: Path) -> Heads:
    """The heads in a ranker's folder; what it knows of items is the workers' business.

    Raises:
        SettingsError: There are none.
    """
    try:
        return Heads.from_bytes((ranker / _HEADS).read_bytes())
    except (OSError, RankerError) as error:
        raise SettingsError(f"RILLSTREAM_RANKER={ranker} has no heads: {error}") from None


def topics_of(settings: Settings) -> LearnedTopics:
    """Names of the topics; workers put unreadable clicks aside, and impressions if they read them.

    Both would say the same of a message.
    """
    elsewhere = set(sources(settings))
    return LearnedTopics(
        settings.topic("decisions"),
        settings.topic("impressions"),
        settings.topic("clicks"),
        settings.topic("model_versions"),
        settings.partitions,
        frozenset(settings.topic(kind) for kind in LEARNED if kind not in elsewhere),
    )
