"""Makes editions: opens a version with its encoder, and applies what has happened since."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from index import IndexError_, LiveIndex, Snapshot
from index.known import Known, of_versions
from scoring import (
    History,
    Policy,
    QueryVectors,
    Recommender,
    RelatedItems,
    Request,
    Rules,
    ScoringError,
)
from scoring.search_order import PairScorer
from scoring.shop_counts import ShopCounts
from streams.encoders import Tower
from streams.index_folder import index_store
from streams.item_changes import ItemChange
from streams.item_gaps import ItemGaps
from streams.live.armed_ranking import ArmedRanking
from streams.live.change_reader import ChangeReader
from streams.live.edition import Edition
from streams.live.index_metrics import IndexMetrics
from streams.live.item_order import ItemOrder
from streams.live.policies import Policies
from streams.settings import Settings
from streams.topics import ensure_topic, item_vectors_topic

if TYPE_CHECKING:
    from scoring.ranker.ranker import Ranker

log = structlog.get_logger(__name__)

_MAKE_UP: Final = 64
"""So many changes at once are not left to whoever follows the items once they are served."""
_WARM_QUERIES: Final = 1_000
"""So many of the latest are encoded again by a new encoder: a second and a half."""


class Editions:
    """Makes editions, ready to serve.

    Crash table (what a restart does; nothing of an edition is durable but what it was made from):

    ========================  =================================================================
    a crash after …           on restart
    ========================  =================================================================
    version announced         the announced version is the current one since before it was
                              announced, and its encoder lay beside it before that: the worker
                              starts with the pair
    encoder loaded            likewise
    version loaded            likewise
    changes replayed          likewise; the changes are read again from where the version ends
    swapped                   likewise; lists say which pair they were made with
    items swapped             likewise; the notes beside the positions of the items topic say
                              with which encoder each record was taken, so what the new encoder's
                              topic lacks is known, and encoded again (`item_gaps`)
    ========================  =================================================================

    At the start the same lines are passed before anything is consumed, so there is nothing to lose.
    """

    def __init__(
        self,
        settings: Settings,
        policies: Policies,
        metrics: IndexMetrics,
        load_tower: Callable[[str], Tower],
        *,
        boundary: Callable[[str], None],
        rules: Rules | None = None,
        related: RelatedItems | None = None,
        reranker: PairScorer | None = None,
        shop: ShopCounts | None = None,
    ) -> None:
        """Say how.

        Args:
            settings: Where versions and topics are.
            policies: Of the next version that is opened; may be set anew at any time.
            metrics: Counts changes that cannot be read.
            load_tower: The encoder of a version; the version's vectors are its own.
            boundary: Called at each line of the crash table.
            rules: Of the next version that is opened; may be set anew at any time.
            related: What goes together, in every ranking.
            reranker: Reads searches with their candidates, in every ranking.
            shop: Counts of the whole shop, in every ranking.
        """
        self.rules = rules
        self.policies = policies
        self._settings = settings
        self._related = related
        self._reranker = reranker
        self._shop = shop
        self._metrics = metrics
        self._load_tower = load_tower
        self._boundary = boundary
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the replay of changes early; what is being opened must not be served then."""
        self._stopped.set()

    def open(
        self, version: str | None, serving: Edition | None = None, queries: Sequence[str] = ()
    ) -> Edition:
        """Verify a version, load it with its encoder, warm both, apply what has happened since.

        Args:
            version: Which one; None = the current one.
            serving: Its encoder, and what that remembers, goes on where it is the version's. It is
                asked for nothing here: another thread may be using it.
            queries: Search texts that another encoder shall know beforehand.

        Raises:
            IndexError_: The version or its encoder is not there, damaged, or they do not fit.
            ScoringError: The encoder does not load.
            BrokerUnavailableError: The changes could not be read.
        """
        begun = time.monotonic()
        # A thread of its own, for it alone shall be nice: threads that it started would be, too.
        with ThreadPoolExecutor(1, "index-loader", initializer=_give_way) as loader:
            live, ranking, tower, remembered = self._pair(version, serving, loader)
            if queries and (serving is None or tower is not serving.tower):
                loader.submit(remembered.of, queries[-_WARM_QUERIES:]).result()
            self._boundary("version loaded")
            edition, n_changes = self._catch_up(live, ranking, tower, remembered, loader)
        self._boundary("changes replayed")
        log.info(
            "index version ready",
            index=live.version,
            encoder=tower.version,
            items=live.manifest.count,
            changes=n_changes,
            delta=live.n_delta,
            tombstones=live.n_tombstones,
            seconds=round(time.monotonic() - begun, 2),
        )
        return edition

    def _pair(
        self, version: str | None, serving: Edition | None, loader: ThreadPoolExecutor
    ) -> tuple[LiveIndex, ArmedRanking, Tower, QueryVectors]:
        """A version and its encoder; see `open`.

        An encoder takes seconds to load. A version that was current before them may be gone after
        them, and its encoder with it: then another is current, and that is the one to open.
        """
        store = index_store(self._settings)
        while True:
            found = loader.submit(store.manifest, version).result()
            try:
                if serving is not None and found.encoder_version == serving.tower.version:
                    tower, remembered = serving.tower, serving.queries
                else:
                    tower = loader.submit(self._load_tower, found.encoder_version).result()
                    remembered = QueryVectors(tower)
                self._boundary("encoder loaded")
                live, ranking = loader.submit(self._load, found.version, remembered).result()
            except (IndexError_, ScoringError, OSError) as error:
                if version is not None or store.current() == found.version:
                    raise
                log.warning(
                    "index version not opened, another one is current by now",
                    index=found.version,
                    reason=str(error),
                )
            else:
                return live, ranking, tower, remembered

    def _load(self, version: str, queries: QueryVectors) -> tuple[LiveIndex, ArmedRanking]:
        settings = self._settings
        snapshot: Snapshot = index_store(settings).open(version, ef_search=settings.ef_search)
        live = LiveIndex(snapshot)

        def made(policy: Policy, ranker: Ranker | None) -> Recommender:
            return Recommender(
                live,
                queries,
                policy=policy,
                rules=self.rules,
                related=self._related,
                reranker=self._reranker,
                shop=self._shop,
                ranker=ranker,
                keeps_evidence=settings.publish_decisions,
            )

        ranking = ArmedRanking(self.policies, made)
        snapshot.warm()
        ranking.recommend([Request("nobody", time.time_ns() // 1_000_000, History())])
        return live, ranking

    def _catch_up(
        self,
        live: LiveIndex,
        ranking: ArmedRanking,
        tower: Tower,
        queries: QueryVectors,
        loader: ThreadPoolExecutor,
    ) -> tuple[Edition, int]:
        settings, manifest = self._settings, live.manifest
        topic = item_vectors_topic(settings, live.encoder_version)
        ensure_topic(settings, topic)
        # Asked before the topic is read: what was taken until then is in the topic, or in a gap.
        reader = ChangeReader(settings, topic, manifest, self._metrics)
        try:
            gaps = ItemGaps(
                settings, live.encoder_version, manifest.items_read, whole=reader.too_old
            )
        except BaseException:
            reader.close()
            raise
        order = ItemOrder(gaps.positions)
        edition = Edition(live, ranking, tower, queries, reader, gaps, order)
        patience_s, stopped = settings.session_timeout_s + 60, self._stopped.is_set
        try:
            lacking = gaps.newest(timeout_s=patience_s, stopped=stopped)

            def apply(change: ItemChange) -> None:
                edition.apply(lacking.settled(change))

            n_changes = reader.catch_up(
                apply,
                live.catalogue.ids[: manifest.count],
                timeout_s=patience_s,
                also_there=lacking.there() if reader.too_old else (),
                stopped=stopped,
            )
            parts = gaps.changes(
                lacking, tower, lambda: self._known(live), timeout_s=patience_s, stopped=stopped
            )
            while (changes := loader.submit(next, parts, None).result()) is not None:
                for change in changes:
                    edition.apply(change)
                n_changes += len(changes)
            if len(lacking):
                n_changes += self._make_up(edition, loader)
        except BaseException:
            edition.close()
            raise
        return edition, n_changes

    def _make_up(self, edition: Edition, loader: ThreadPoolExecutor) -> int:
        """What came while gaps were encoded, for minutes perhaps; who serves has it in its lists.

        Returns:
            How many changes.
        """
        n_changes, n_new = 0, _MAKE_UP
        follow = partial(edition.gaps.follow, patience_s=self._settings.session_timeout_s + 60)
        while n_new >= _MAKE_UP and not self._stopped.is_set():
            changes = edition.reader.read(_MAKE_UP, 0.2)
            changes += loader.submit(follow, edition.tower).result()
            for change in changes:
                edition.apply(change)
            n_new = len(changes)
            n_changes += n_new
        return n_changes

    def _known(self, live: LiveIndex) -> list[Known]:
        store = index_store(self._settings)
        return of_versions(store, live.encoder_version, live.dim, log.warning)


def _give_way() -> None:
    """Let every other thread of the machine go first."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
