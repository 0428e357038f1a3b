"""A worker from its settings: index, encoder and ranking loaded first, then the stream."""

import gc
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import structlog

from index import set_threads
from scoring import (
    History,
    Policy,
    QueryTower,
    QueryVectors,
    Request,
    Rules,
    RulesError,
    load_encoder,
    read_rules,
)
from streams.agents import clicks, impressions, items, searches
from streams.errors import TopicMismatchError
from streams.item_tower import ItemTower
from streams.live.announcements import Announcements
from streams.live.edition import Editions
from streams.live.index_metrics import IndexMetrics
from streams.live.live_ranking import LiveRanking
from streams.live.rebuilds import Rebuilds
from streams.live.rules_follower import RulesFollower
from streams.live.version_follower import VersionFollower
from streams.metrics import StepMetrics
from streams.serve import BetweenBatches, Work, serve
from streams.settings import Settings
from streams.step import Apply, Publishing, Ranking, RecommendationStep
from streams.table import RowTable
from streams.topics import check_topics, ensure_topic, item_vectors_topic, topic_ids
from streams.writer import Boundary, pass_by

log = structlog.get_logger(__name__)


class Tower(QueryTower, ItemTower, Protocol):
    """Queries and items -> vectors that may be compared; `scoring.Encoder` is one."""

    version: str


def run(
    settings: Settings,
    *,
    tower: Tower | None = None,
    boundary: Boundary = pass_by,
    rebuilds: Callable[[Settings, IndexMetrics], Rebuilds] = Rebuilds,
) -> int:
    """Run one worker until SIGTERM or SIGINT; returns its exit code (see `streams.serve.serve`).

    Args:
        settings: Everything that can be set.
        tower: None = the settings' encoder.
        boundary: Called at each line of the crash tables of the writer and of the editions.
        rebuilds: Makes what starts rebuilds of the index.

    Raises:
        TopicMismatchError: a topic is missing or has the wrong shape; nothing was consumed.
        EncoderMismatchError: the index was built by another encoder; nothing was consumed.
        NoCurrentVersionError: there is no index yet.
    """
    configure_logging(settings)
    begun = time.monotonic()
    if problems := check_topics(settings):
        raise TopicMismatchError("; ".join(problems))
    set_threads(settings.faiss_threads)
    metrics = StepMetrics()
    index_metrics = IndexMetrics(metrics.registry)
    encoder = tower or load_encoder(settings.encoder, threads=settings.torch_threads)
    queries = QueryVectors(encoder)
    vectors = item_vectors_topic(settings, encoder.version)
    ensure_topic(settings, vectors)
    announcements = Announcements(settings)  # before the current version is opened
    rules = None if settings.rules is None else _usable(settings, read_rules(settings.rules))
    editions = Editions(
        settings, policy_of(settings), index_metrics, boundary=boundary, rules=rules
    )
    ranking = LiveRanking(editions.open(None, queries), index_metrics)
    ranking.recommend([Request("nobody", time.time_ns() // 1_000_000, History(), "warm")])
    gc.collect()
    gc.freeze()  # a catalogue is millions of objects that a full collection would walk through
    log.info(
        "model and index loaded",
        index=ranking.index_version,
        items=ranking.edition.live.manifest.count,
        encoder=encoder.version,
        rules=ranking.rules_version,
        seconds=round(time.monotonic() - begun, 2),
    )
    if settings.metrics_port is not None:
        metrics.serve(settings.metrics_port)

    followers: list[VersionFollower | RulesFollower] = []

    def follow(between_batches: BetweenBatches) -> None:
        follower = VersionFollower(
            announcements,
            editions,
            ranking,
            queries,
            rebuilds(settings, index_metrics),
            between_batches,
            index_metrics,
            boundary=boundary,
        )
        followers.append(follower)
        if settings.rules is not None:
            obey = partial(_obey, settings, ranking, editions, between_batches)
            in_force = ranking.rules_version
            followers.append(RulesFollower(settings.rules, in_force, obey, metrics))
        for each in followers:
            each.start()

    plan = event_plan(settings, ranking, metrics)
    encode = items.EncodeItems(
        encoder, vectors, max_bytes=settings.max_message_bytes, metrics=metrics
    )
    encoding = Work("items", [settings.topic("items")], [vectors], encode)
    try:
        return serve(
            settings,
            lambda rows: [replace(plan(rows), begun=follow), encoding],
            metrics=metrics,
            boundary=boundary,
        )
    finally:
        for follower in followers:
            follower.close()


def _obey(
    settings: Settings,
    ranking: LiveRanking,
    editions: Editions,
    between_batches: BetweenBatches,
    rules: Rules,
) -> None:
    """Other rules from the next batch on, and in every version that is opened from now on."""
    editions.rules = _usable(settings, rules)
    between_batches(lambda: ranking.obey(rules)).result()


def _usable(settings: Settings, rules: Rules) -> Rules:
    """The same rules, if this worker knows what they ask for.

    Raises:
        RulesError: It does not.
    """
    if rules.seen is not None and not settings.read_impressions:
        raise RulesError(
            f"{settings.rules}: the rule [seen] needs impressions: set RILLSTREAM_READ_IMPRESSIONS="
            "true, run rillstream topics create, and start the workers again"
        )
    return rules


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings ask for."""
    return Policy(
        slate_size=settings.slate_size,
        candidates=max(settings.candidates, settings.slate_size),
        quotas={str(name): most for name, most in settings.candidate_quotas.items()},
        exclude_bought=settings.exclude_bought,
        draw=settings.draw,
        temperature=settings.temperature,
        epsilon=settings.epsilon,
        diversity=settings.diversity,
        relevance_share=settings.relevance_share,
        category_cap=settings.category_cap,
        brand_cap=settings.brand_cap,
    )


def event_plan(
    settings: Settings, ranking: Ranking, metrics: StepMetrics
) -> Callable[[RowTable], Work]:
    """The lane of clicks and searches: rows updated, lists made, in one order for each user."""
    apply: dict[str, Apply] = {
        settings.topic("clicks"): clicks.apply,
        settings.topic("searches"): searches.apply,
    }
    if settings.read_impressions:
        apply[settings.topic("impressions")] = impressions.apply
    publishing = Publishing(
        settings.topic("recommendations"),
        settings.topic("recommendations_latest") if settings.publish_latest else None,
        settings.topic("user_features") if settings.publish_features else None,
        settings.topic("decisions") if settings.publish_decisions else None,
    )

    def plan(rows: RowTable) -> Work:
        step = RecommendationStep(
            rows,
            ranking,
            apply,
            topic_ids(settings, apply),
            publishing,
            max_bytes=settings.max_message_bytes,
            metrics=metrics,
        )
        return Work("events", list(apply), publishing.topics, step)

    return plan


def configure_logging(settings: Settings) -> None:
    """One line an event on standard error, for people or as JSON; of Faust's own, warnings only."""
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(
        level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("aiokafka").setLevel(
        logging.ERROR if level > logging.DEBUG else logging.DEBUG
    )
    renderer: structlog.types.Processor = structlog.processors.JSONRenderer()
    processors: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
