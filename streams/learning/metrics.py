"""What a learner counts about itself, for Prometheus."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.learning.course import Course, Taught


class LearnerMetrics:
    """Counters and gauges of one learner.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter("rillstream_learned_rows", "Shown items learned", registry=registry)
        self._lists = Counter("rillstream_learned_lists", "Lists learned", registry=registry)
        self._drifts = Counter(
            "rillstream_learner_drifts",
            "Rounds in which the loss on fresh rows had changed",
            registry=registry,
        )
        self._rollbacks = Counter(
            "rillstream_learner_rollbacks", "Times the last good heads came back", registry=registry
        )
        self._excess = Gauge(
            "rillstream_learner_excess",
            "Loss above that of the last good heads on the latest rows, as a share of it",
            registry=registry,
        )
        self._learned_to = Gauge(
            "rillstream_learned_to_seconds",
            "Event time up to which was learned",
            registry=registry,
        )
        self._waiting = Gauge(
            "rillstream_join_waiting", "Records that wait for others", registry=registry
        )
        self._fates = Gauge(
            "rillstream_join_records",
            "What became of records, since the start",
            ["fate"],
            registry=registry,
        )
        self._measures = Gauge(
            "rillstream_prequential",
            "Of heads that had not seen the rows, over the latest ones",
            ["task", "measure"],
            registry=registry,
        )

    def read(self, course: Course) -> None:
        """A batch was read; where no list can be learned from, nothing else says why."""
        self._waiting.set(course.join.n_waiting)
        for fate, n in (course.join.counts + course.counts).items():
            self._fates.labels(fate).set(n)

    def taught(self, taught: Taught) -> None:
        """One round was held."""
        held = taught.round
        self._rows.inc(held.n_rows)
        self._lists.inc(taught.n_lists)
        self._drifts.inc(held.drift)
        self._rollbacks.inc(held.rolled_back)
        self._excess.set(held.excess)
        self._learned_to.set(taught.until_ms / 1000)
        for task, found in held.measured.items():
            for measure in ("auc", "log_loss", "calibration", "rate"):
                value = getattr(found, measure)
                self._measures.labels(task, measure).set(0 if math.isnan(value) else value)
