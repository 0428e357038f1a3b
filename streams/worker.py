"""A worker from its settings: index, encoder and ranking loaded first, then the stream."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import structlog

from index import set_threads
from scoring import History, RelatedItems, Request, Rules
from streams.agents import clicks, impressions, items, searches
from streams.encoders import Encoders, Tower
from streams.errors import TopicMismatchError
from streams.health import Health
from streams.kafka_config import client_config
from streams.list_records import Ranking
from streams.live.announcements import Announcements
from streams.live.editions import Editions
from streams.live.follower import Follower
from streams.live.heads_follower import HeadsFollower, NewestHeads
from streams.live.index_metrics import IndexMetrics
from streams.live.live_ranking import LiveRanking
from streams.live.policies import Policies
from streams.live.policy_follower import PolicyFollower
from streams.live.rebuilds import Rebuilds
from streams.live.rules_follower import RulesFollower
from streams.live.shop_follower import CountsFollowed, ShopFollower
from streams.live.version_follower import VersionFollower
from streams.logs import configure_logging
from streams.metrics import StepMetrics
from streams.parts import BetweenBatches, Work
from streams.positions import noted_now
from streams.probes import offered
from streams.rules_file import rules_of, usable
from streams.serve import serve
from streams.settings import Settings
from streams.step import Apply, Publishing, RecommendationStep
from streams.table import RowTable
from streams.topic_check import check_topics
from streams.topics import item_vectors_topic, topic_ids
from streams.writer import Boundary, pass_by

log = structlog.get_logger(__name__)


def run(
    settings: Settings,
    *,
    load_tower: Callable[[str], Tower] | None = None,
    boundary: Boundary = pass_by,
    rebuilds: Callable[[Settings, IndexMetrics], Rebuilds] = Rebuilds,
) -> int:
    """Run one worker until SIGTERM or SIGINT; returns its exit code (see `streams.serve.serve`).

    Args:
        settings: Everything that can be set.
        load_tower: An encoder's version -> the encoder; None = see `Encoders`.
        boundary: Called at each line of the crash tables of the writer and of the editions.
        rebuilds: Makes what starts rebuilds of the index.

    Raises:
        TopicMismatchError: a topic is missing or has the wrong shape; nothing was consumed.
        EncoderMismatchError: the encoder of the index is nowhere; nothing was consumed.
        EncoderFilesError: it is damaged; nothing was consumed.
        NoCurrentVersionError: there is no index yet.
    """
    configure_logging(settings)
    metrics, health = StepMetrics(), Health.of(settings)
    with offered(settings.metrics_port, settings.metrics_address, health, metrics.registry):
        return _run(settings, metrics, health, load_tower, boundary, rebuilds)


def _run(
    settings: Settings,
    metrics: StepMetrics,
    health: Health,
    load_tower: Callable[[str], Tower] | None,
    boundary: Boundary,
    rebuilds: Callable[[Settings, IndexMetrics], Rebuilds],
) -> int:
    log.info("starting", broker=settings.bootstrap_servers)
    begun = time.monotonic()
    if problems := check_topics(settings):
        raise TopicMismatchError("; ".join(problems))
    set_threads(settings.faiss_threads)
    index_metrics = IndexMetrics(metrics.registry)
    announcements = Announcements(settings)  # before the current version is opened
    rules = rules_of(settings)
    related = None if settings.related is None else RelatedItems.load(settings.related)
    reranker = None
    if settings.reranker is not None:
        from scoring import load_reranker  # torch comes with it

        reranker = load_reranker(
            settings.reranker, threads=settings.torch_threads, device=settings.torch_device
        )
    policies = Policies.read(settings)
    counts = CountsFollowed.open(settings, metrics) if settings.shop_counts else None
    editions = Editions(
        settings,
        policies,
        index_metrics,
        load_tower or Encoders(settings).load,
        boundary=boundary,
        rules=rules,
        related=related,
        reranker=reranker,
        shop=None if counts is None else counts.shop,
    )
    ranking = LiveRanking(editions.open(None), index_metrics)
    ranking.recommend([Request("nobody", time.time_ns() // 1_000_000, History(), "warm")])
    gc.collect()
    gc.freeze()  # a catalogue is millions of objects that a full collection would walk through
    log.info(
        "model and index loaded",
        index=ranking.index_version,
        items=ranking.edition.live.manifest.count,
        encoder=ranking.encoder_version,
        rules=ranking.rules_version,
        policy=ranking.policy_version,
        heads=ranking.heads_version,
        seconds=round(time.monotonic() - begun, 2),
    )

    items_topic = settings.topic("items")
    partitions = [(items_topic, partition) for partition in range(settings.partitions)]
    encode = items.EncodeItems(
        ranking.edition.tower,
        partial(item_vectors_topic, settings),
        lambda: noted_now(
            client_config(settings), settings.app_id, partitions, settings.session_timeout_s + 60
        ),
        topic_ids(settings, [items_topic])[items_topic],
        max_bytes=settings.max_message_bytes,
        metrics=metrics,
    )
    between_items: list[BetweenBatches] = []
    encoding = Work("items", [items_topic], encode.outputs, encode, begun=between_items.append)

    followers: list[Follower | ShopFollower] = []
    # Without published decisions there is no learner.
    newest = NewestHeads(settings) if settings.publish_decisions else None

    def follow(between_batches: BetweenBatches) -> None:
        follower = VersionFollower(
            announcements,
            editions,
            ranking,
            rebuilds(settings, index_metrics),
            between_batches,
            lambda tower: between_items[0](partial(encode.use, tower)).result(),
            index_metrics,
            boundary=boundary,
        )
        followers.append(follower)
        if settings.rules is not None:
            obey = partial(_obey, settings, ranking, editions, between_batches)
            in_force = ranking.rules_version
            followers.append(RulesFollower(settings.rules, in_force, obey, metrics))
        if settings.policy is not None or settings.experiment is not None:
            read = partial(Policies.read, settings)
            take = partial(_take_policies, ranking, editions, between_batches)
            followers.append(PolicyFollower(policies, read, take, metrics))
        if counts is not None:
            followers.append(ShopFollower(counts, between_batches, metrics))
        if newest is not None:
            followers.append(
                HeadsFollower(
                    newest,
                    lambda: ranking.policies.bases(),
                    lambda: ranking.encoder_version,
                    lambda *heads: between_batches(partial(ranking.take_heads, *heads)).result(),
                    metrics.registry,
                )
            )
        for each in followers:
            each.start()

    plan = event_plan(settings, ranking, metrics, lambda: ranking.items_read)
    try:
        return serve(
            settings,
            lambda rows: [encoding, replace(plan(rows), begun=follow)],
            metrics=metrics,
            health=health,
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
    editions.rules = usable(settings, rules)
    between_batches(lambda: ranking.obey(rules)).result()


def _take_policies(
    ranking: LiveRanking,
    editions: Editions,
    between_batches: BetweenBatches,
    policies: Policies,
) -> None:
    """Other policies from the next batch on, and in every version that is opened from now on."""
    between_batches(lambda: ranking.take_policies(policies)).result()
    editions.policies = policies


def event_plan(
    settings: Settings,
    ranking: Ranking,
    metrics: StepMetrics,
    items_read: Callable[[], Mapping[str, int]] = dict,
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
        settings.topic("shop_counts") if settings.shop_counts else None,
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
            items_read=items_read,
        )
        return Work("events", list(apply), publishing.topics, step)

    return plan
