"""What a worker counts about itself, for Prometheus."""

from collections import Counter as Counts
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from streams.errors import SettingsError
from streams.outbox import Outbox
from streams.runs import Run

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)


class StepMetrics:
    """Counters of one worker.  Progress while there is lag is what a liveness check should look at.

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

    def durable(self, outbox: Outbox) -> None:
        """One batch was committed."""
        self._dead.inc(len(outbox.letters))
        for (topic, partition), end in outbox.ends.items():
            self.position.labels(topic, partition).set(end)

    def serve(self, port: int, address: str) -> None:
        """Offer the counters at `http://<address>:<port>/metrics`, to whoever can reach it.

        Raises:
            SettingsError: Something else is there, or the address is not one of this machine.
        """
        try:
            start_http_server(port, addr=address, registry=self.registry)
        except OSError as error:
            raise SettingsError(
                f"no metrics at {address}:{port} ({error.strerror}): give each worker and learner "
                "a RILLSTREAM_METRICS_PORT of its own, and RILLSTREAM_METRICS_ADDRESS an address "
                "of this machine"
            ) from error
