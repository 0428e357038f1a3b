"""Each series that a worker, a learner or a supervisor offers to Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from prometheus_client import CollectorRegistry

from streams.cli.supervisor import SupervisorMetrics
from streams.learning.metrics import LearnerMetrics
from streams.live.heads_follower import HeadsFollower
from streams.live.index_metrics import IndexMetrics
from streams.metrics import StepMetrics

TARGET = {"job", "instance"}
"""Labels that Prometheus itself adds."""


@dataclass(frozen=True, slots=True)
class Series:
    """What it is: `counter`, `gauge`, `histogram` or `info`; and its own labels, without `le`."""

    kind: str
    labels: frozenset[str]


@cache
def offered() -> dict[str, Series]:
    """By the name in Prometheus."""
    worker = StepMetrics().registry
    IndexMetrics(worker).serves("20260101T120000.000Z-0123abcd", "bert-384-fa46c9f4a72f")
    LearnerMetrics(worker)
    HeadsFollower(cast(Any, None), dict, str, lambda *heads: None, worker)
    found: dict[str, Series] = {}
    for registry in (worker, SupervisorMetrics(CollectorRegistry()).registry):
        for collector, names in registry._collector_to_names.items():
            (family,) = collector.collect()
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            labels |= set(getattr(collector, "_labelnames", ()))
            found |= {name: Series(family.type, frozenset(labels)) for name in _asked(names)}
    return found


def _asked(names: list[str]) -> list[str]:
    """Of the names that a metric takes, those of its series: not a counter's without `_total`."""
    series = [name for name in names if not name.endswith("_created")]
    return [
        name
        for name in series
        if not {f"{name}_total", f"{name}_info", f"{name}_bucket"} & set(series)
    ]


def as_people_say(name: str) -> str:
    """A histogram is known by its name, not by those of its series."""
    if offered()[name].kind != "histogram":
        return name
    (known,) = {name.removesuffix(ending) for ending in ("_bucket", "_sum", "_count")} - {name}
    return known
