"""index-versions topic -> the pair served: loaded aside, swapped in between two batches."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final

import structlog

from index import IndexError_, StoreUnavailableError, give_back_memory
from scoring import ScoringError
from streams.encoders import Tower
from streams.errors import RejectedError, RetryError
from streams.index_versions import IndexVersion
from streams.live.announcements import Announcements
from streams.live.edition import Edition
from streams.live.editions import Editions
from streams.live.follower import RETRY_S, Follower
from streams.live.index_metrics import IndexMetrics
from streams.live.item_follower import CLOSE_S, ItemFollower
from streams.live.live_ranking import LiveRanking
from streams.live.rebuilds import Rebuilds
from streams.parts import BetweenBatches

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.25


class VersionFollower(Follower):
    """Serves what is announced; whatever is wrong with that, the old version goes on.

    See `streams.live.editions.Editions` for the crash table.
    """

    def __init__(
        self,
        announcements: Announcements,
        editions: Editions,
        ranking: LiveRanking,
        rebuilds: Rebuilds,
        between_batches: BetweenBatches,
        encode_with: Callable[[Tower], None],
        metrics: IndexMetrics,
        *,
        boundary: Callable[[str], None],
    ) -> None:
        """Follow.

        Args:
            announcements: What to serve.
            editions: Makes it ready.
            ranking: Serves it.
            rebuilds: Considered now and then.
            between_batches: Of the lane that ranks.
            encode_with: Has the lane of items take another encoder; returns when it has.
            metrics: Counts swaps and refusals.
            boundary: Called at each line of the crash table.
        """
        super().__init__("index-versions", close_s=2 * CLOSE_S)
        self._announcements = announcements
        self._editions = editions
        self._ranking = ranking
        self._rebuilds = rebuilds
        self._between_batches = between_batches
        self._encode_with = encode_with
        self._metrics = metrics
        self._boundary = boundary
        self._items = ItemFollower(ranking.edition, between_batches, metrics)
        self._wanted: IndexVersion | None = None
        self._not_before_s = 0.0

    def run(self) -> None:
        """Follow until closed."""
        self._items.start()
        super().run()

    def leave(self) -> None:
        """See `Follower.leave`."""
        self._items.close()
        self._rebuilds.close()
        self._announcements.close()

    def close(self) -> None:
        """Stop following items and versions; waits for the end, but not for ever."""
        self._editions.stop()
        super().close()

    def look(self) -> None:
        """Swap in what was announced last, unless it is served."""
        try:
            self._wanted = self._announcements.newest(_LOOK_S) or self._wanted
        except RejectedError as rejected:
            self._metrics.refusals.inc()
            log.warning("unreadable announcement of an index version", reason=rejected.reason)
        wanted = self._wanted
        if wanted is not None and time.monotonic() >= self._not_before_s and self._take(wanted):
            give_back_memory()  # here nothing refers to the old edition any more
        edition = self._ranking.edition
        self._rebuilds.consider(edition.live.n_delta, due=edition.is_due)

    def _take(self, said: IndexVersion) -> bool:
        """Swap the announced version in, or refuse it; whether it was swapped in."""
        old = self._ranking.edition
        if said.version == old.live.version:
            self._wanted = None
            return False
        self._boundary("version announced")
        log.info("index version announced", index=said.version, serving=old.live.version)
        try:
            recent = self._between_batches(old.queries.texts).result()
            new = self._editions.open(said.version, old, recent)
        except (RetryError, StoreUnavailableError) as error:
            self._not_before_s = time.monotonic() + RETRY_S
            log.warning("index version not taken yet", index=said.version, error=str(error))
            return False
        except (IndexError_, ScoringError) as error:
            self._refuse(said, str(error))
            return False
        except Exception as error:
            log.exception("index version could not be loaded", index=said.version)
            self._refuse(said, repr(error))
            return False
        self._wanted = None
        if self._done.is_set():
            new.close()
            return False
        try:
            self._between_batches(lambda: self._exchange(new)).result()
        except Exception as error:
            log.exception("index version could not be swapped in", index=said.version)
            new.close()
            self._refuse(said, repr(error))
            return False
        self._boundary("swapped")
        self._follow(old, new)
        return True

    def _refuse(self, said: IndexVersion, why: str) -> None:
        self._wanted = None
        self._metrics.refusals.inc()
        log.error(
            "index version refused, the old one goes on",
            index=said.version,
            serving=self._ranking.index_version,
            reason=why,
        )

    def _exchange(self, new: Edition) -> None:
        """In the thread that ranks; until the new edition serves, the old one is kept current."""
        self._ranking.swap(new)
        self._items.end()

    def _follow(self, old: Edition, new: Edition) -> None:
        before, self._items = self._items, ItemFollower(new, self._between_batches, self._metrics)
        self._items.start()
        before.close()
        if new.tower is not old.tower:
            self._encode_with(new.tower)
            log.info("encoder swapped in", encoder=new.tower.version, before=old.tower.version)
        self._boundary("items swapped")
        gc.freeze()  # a catalogue is millions of objects that a full collection would walk through
        self._metrics.swaps.inc()
        log.info("index version swapped in", index=new.live.version)
