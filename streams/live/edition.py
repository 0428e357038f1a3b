"""One index version in service: what has changed since, its ranking, its place in the topic."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import structlog

from index import LiveIndex
from scoring import History, Policy, QueryTower, QueryVectors, Recommender, Request, Rules
from streams.index_folder import index_store
from streams.item_changes import ItemChange, Upsert
from streams.live.change_reader import ChangeReader
from streams.live.index_metrics import IndexMetrics
from streams.settings import Settings
from streams.topics import item_vectors_topic

log = structlog.get_logger(__name__)

_FOLD_AT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Edition:
    """A version that can be served; one thread at a time ranks with it and changes it.

    Attributes:
        live: The version with its changes.
        ranking: What makes lists of it.
        reader: Stands behind the last change that was applied, or is about to be.
    """

    live: LiveIndex
    ranking: Recommender
    reader: ChangeReader

    @property
    def is_due(self) -> bool:
        """Whether deletions should become part of a version now.

        The topic forgets a deletion after a while (`delete.retention.ms`, a day): a worker that
        then started with this version would serve the item again.
        """
        return self.live.n_tombstones > 0 and self.reader.forgotten_share() >= _FOLD_AT

    def apply(self, change: ItemChange) -> None:
        """Take over one change of an item."""
        if isinstance(change, Upsert):
            done = self.live.upsert(change.item, change.vector)
        else:
            done = self.live.delete(change.item_id)
        if done is not None:
            self.ranking.follow(done)


class Editions:
    """Makes editions, ready to serve.

    Crash table (what a restart does; nothing of an edition is durable but what it was made from):

    ========================  =================================================================
    a crash after …           on restart
    ========================  =================================================================
    version announced         the announced version is the current one since before it was
                              announced: the worker starts with it
    version loaded            likewise
    changes replayed          likewise; the changes are read again from where the version ends
    swapped                   likewise; lists say which version they were made from
    ========================  =================================================================

    At the start the same lines are passed before anything is consumed, so there is nothing to lose.
    """

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        metrics: IndexMetrics,
        *,
        boundary: Callable[[str], None],
        rules: Rules | None = None,
    ) -> None:
        """Say how.

        Args:
            settings: Where versions and topics are.
            policy: Of every ranking.
            metrics: Counts changes that cannot be read.
            boundary: Called at each line of the crash table.
            rules: Of the next version that is opened; may be set anew at any time.
        """
        self.rules = rules
        self._settings = settings
        self._policy = policy
        self._metrics = metrics
        self._boundary = boundary
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the replay of changes early; what is being opened must not be served then."""
        self._stopped.set()

    def open(self, version: str | None, encoder: QueryTower | QueryVectors) -> Edition:
        """Verify a version, load it, warm it, and apply what has happened since it was built.

        Args:
            version: Which one; None = the current one.
            encoder: Of the version's vectors. What `QueryVectors` remember is kept, and they are
                asked for nothing here: another thread may be using them.

        Raises:
            IndexError_: The version is not there, damaged, or of another encoder.
            BrokerUnavailableError: The changes could not be read.
        """
        begun = time.monotonic()
        # A thread of its own, for it alone shall be nice: threads that it started would be, too.
        with ThreadPoolExecutor(1, "index-loader", initializer=_give_way) as loader:
            live, ranking = loader.submit(self._load, version, encoder).result()
        self._boundary("version loaded")
        edition, n_changes = self._catch_up(live, ranking)
        self._boundary("changes replayed")
        log.info(
            "index version ready",
            index=live.version,
            items=live.manifest.count,
            changes=n_changes,
            delta=live.n_delta,
            tombstones=live.n_tombstones,
            seconds=round(time.monotonic() - begun, 2),
        )
        return edition

    def _load(
        self, version: str | None, encoder: QueryTower | QueryVectors
    ) -> tuple[LiveIndex, Recommender]:
        settings = self._settings
        snapshot = index_store(settings).open(version, ef_search=settings.ef_search)
        live = LiveIndex(snapshot)
        ranking = Recommender(
            live,
            encoder,
            policy=self._policy,
            rules=self.rules,
            keeps_evidence=settings.publish_decisions,
        )
        snapshot.warm()
        ranking.recommend([Request("nobody", time.time_ns() // 1_000_000, History())])
        return live, ranking

    def _catch_up(self, live: LiveIndex, ranking: Recommender) -> tuple[Edition, int]:
        settings = self._settings
        topic = item_vectors_topic(settings, live.encoder_version)
        edition = Edition(
            live, ranking, ChangeReader(settings, topic, live.manifest, self._metrics)
        )
        try:
            n_changes = edition.reader.catch_up(
                edition.apply,
                live.catalogue.ids[: live.manifest.count],
                timeout_s=settings.session_timeout_s + 60,
                stopped=self._stopped.is_set,
            )
        except BaseException:
            edition.reader.close()
            raise
        return edition, n_changes


def _give_way() -> None:
    """Let every other thread of the machine go first."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
