"""What a worker tells of the index that it serves, for Prometheus."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

_SECONDS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60)


class IndexMetrics:
    """Which version, how much has changed since, and what became of announcements.

    Attributes:
        changes: Item changes applied while serving.
        delay_s: From the record of a change to its effect on lists.
        unreadable: Records of the item-vectors topic that could not be used.
        swaps: Versions that replaced another one.
        refusals: Announced versions that were not served.
        rebuilds: Rebuilds that this worker has started.
        rebuild_failures: Those of them that ended with an error, and published nothing.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._version = Info("rillstream_index", "The index version served", registry=registry)
        self._delta_rows = Gauge(
            "rillstream_index_delta_rows", "Changed items beside the version", registry=registry
        )
        self._tombstones = Gauge(
            "rillstream_index_tombstones", "Deleted items of the version", registry=registry
        )
        self.changes = Counter(
            "rillstream_index_changes", "Item changes applied", registry=registry
        )
        self.delay_s = Histogram(
            "rillstream_index_change_delay_seconds",
            "From the record of an item's vector to its effect",
            buckets=_SECONDS,
            registry=registry,
        )
        age = Gauge(
            "rillstream_index_change_age_seconds",
            "Time since the newest applied item change was written; -1 before the first",
            registry=registry,
        )
        age.set_function(self._age_s)
        self.unreadable = Counter(
            "rillstream_index_unreadable", "Item vectors passed over", registry=registry
        )
        self.swaps = Counter("rillstream_index_swaps", "Versions swapped in", registry=registry)
        self.refusals = Counter(
            "rillstream_index_refusals", "Announced versions refused", registry=registry
        )
        self.rebuilds = Counter(
            "rillstream_index_rebuilds", "Rebuilds started here", registry=registry
        )
        self.rebuild_failures = Counter(
            "rillstream_index_rebuild_failures",
            "Rebuilds started here that failed",
            registry=registry,
        )
        self._newest_ms = -1

    def serves(self, version: str, encoder_version: str) -> None:
        """This version is the current one."""
        self._version.info({"version": version, "encoder_version": encoder_version})

    def sized(self, n_delta: int, n_tombstones: int) -> None:
        """So many items are searched beside the version, and so many of its own are deleted."""
        self._delta_rows.set(n_delta)
        self._tombstones.set(n_tombstones)

    def applied(self, at_ms: int) -> None:
        """A change written at this moment is in effect."""
        self.changes.inc()
        self.delay_s.observe(max(0.0, time.time() - at_ms / 1000))
        self._newest_ms = max(self._newest_ms, at_ms)

    def _age_s(self) -> float:
        return -1.0 if self._newest_ms < 0 else time.time() - self._newest_ms / 1000
