"""What a worker counts about itself, for Prometheus."""

import time
from collections import Counter as Counts
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.outbox import Outbox
from streams.positions import Source
from streams.runs import Run

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
_DELAYS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600, 3600)


class StepMetrics:
    """Counters of one worker; `streams.probes` offers them.

    Args:
        registry: Where they are registered; a fresh one by default, so that tests do not share
            counts.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._records = Counter(
            "rillstream_records", "Records processed", ["topic"], registry=self.registry
        )
        self._lists = Counter("rillstream_lists", "Lists computed", registry=self.registry)
        self._dead = Counter("rillstream_dead_letters", "Records put aside", registry=self.registry)
        self.removed_unread = Counter(
            "rillstream_removed_unread",
            "Records that the topic's retention removed before they were read",
            ["topic"],
            registry=self.registry,
        )
        self._unknown = Counter(
            "rillstream_unknown_items",
            "Events about items outside the index",
            registry=self.registry,
        )
        self._batch = Histogram(
            "rillstream_batch_records",
            "Records a batch",
            buckets=(1, 4, 16, 64, 128, 256, 512, 1024),
            registry=self.registry,
        )
        self._rules = Counter(
            "rillstream_rule_effects",
            "Candidates that a rule took out of a list, or, of pins, put in",
            ["rule"],
            registry=self.registry,
        )
        self._shown = Counter(
            "rillstream_shown_items",
            "Places of lists, by whether the item is of the most popular fifth",
            ["part"],
            registry=self.registry,
        )
        self.shown_gini = Gauge(
            "rillstream_shown_gini",
            "Gini index of how often the index version's items are in lists",
            registry=self.registry,
        )
        self.rules_refused = Counter(
            "rillstream_rules_refused",
            "Times that a changed file of rules could not be used",
            registry=self.registry,
        )
        self.policies_refused = Counter(
            "rillstream_policies_refused",
            "Times that a changed file of a policy or an experiment could not be used",
            registry=self.registry,
        )
        self.shop_counts_unreadable = Counter(
            "rillstream_shop_counts_unreadable",
            "Records of the shop-counts topic that could not be used",
            registry=self.registry,
        )
        self.compute_s = Histogram(
            "rillstream_compute_seconds",
            "One batch, computed",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.commit_s = Histogram(
            "rillstream_commit_seconds",
            "One batch, made durable",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.ready = Gauge(
            "rillstream_ready",
            "Whether it has its partitions and their rows",
            registry=self.registry,
        )
        self._restored_rows = Counter(
            "rillstream_restored_rows",
            "Rows read from the changelog before work could begin",
            registry=self.registry,
        )
        self._restore_s = Gauge(
            "rillstream_restore_seconds",
            "How long it took the last time, from the assignment of partitions",
            registry=self.registry,
        )
        self._delay = Histogram(
            "rillstream_delay_seconds",
            "From the timestamp of a batch's oldest record to its list being durable",
            ["topic"],
            buckets=_DELAYS,
            registry=self.registry,
        )
        self.position = Gauge(
            "rillstream_position",
            "Next offset of each source partition, once committed",
            ["topic", "partition"],
            registry=self.registry,
        )

    def batch(self, runs: Sequence[Run], n_lists: int, n_unknown: int) -> None:
        """One batch was computed."""
        by_topic: Counts[str] = Counts()
        for run in runs:
            by_topic[run.topic] += len(run.records)
        for topic, n in by_topic.items():
            self._records.labels(topic).inc(n)
        self._batch.observe(by_topic.total())
        self._lists.inc(n_lists)
        self._unknown.inc(n_unknown)

    def rules(self, effects: Mapping[str, int]) -> None:
        """What each rule did in one batch."""
        for rule, n in effects.items():
            self._rules.labels(rule).inc(n)

    def shown(self, n_head: int, n_tail: int) -> None:
        """Places of the lists of one batch."""
        self._shown.labels("head").inc(n_head)
        self._shown.labels("tail").inc(n_tail)

    def restored(self, n_rows: int, seconds: float) -> None:
        """Partitions were assigned, and their rows are here."""
        self._restored_rows.inc(n_rows)
        self._restore_s.set(seconds)

    def begun(self, positions: Mapping[Source, int]) -> None:
        """These partitions are this worker's now; of any other one another worker tells."""
        self.position.clear()
        self._stand(positions)

    def durable(self, outbox: Outbox) -> None:
        """One batch was committed."""
        self._dead.inc(len(outbox.letters))
        self._stand(outbox.ends)
        for topic, oldest_ms in outbox.oldest_ms.items():
            self._delay.labels(topic).observe(max(0.0, time.time() - oldest_ms / 1000))

    def _stand(self, positions: Mapping[Source, int]) -> None:
        for (topic, partition), position in positions.items():
            self.position.labels(topic, partition).set(position)
