"""The two sides of a measurement, as processes: a worker, and a plain confluent-kafka loop."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

PARTITIONS = 4


@dataclass(frozen=True)
class Side:
    """What runs: which program, with which settings."""

    name: str
    program: str
    settings: tuple[tuple[str, str], ...] = ()


PLAIN = Side("plain loop", "plain")
EXACTLY_ONCE = Side("exactly once", "worker")
AT_LEAST_ONCE = Side("at least once", "worker", (("DELIVERY", "at_least_once"),))
IN_MEMORY = Side("exactly once, rows in memory", "worker", (("STORE", "memory"),))
SIDES = {side.name: side for side in (PLAIN, EXACTLY_ONCE, AT_LEAST_ONCE, IN_MEMORY)}


@dataclass(frozen=True)
class Topics:
    """Names of one run's topics."""

    clicks: str
    searches: str
    lists: str
    app: str

    @classmethod
    def of(cls, run: str, sources: str = "") -> "Topics":
        """A run's own lists and state; its own sources too, unless `sources` names shared ones."""
        prefix = sources or run
        return cls(f"{prefix}-clicks", f"{prefix}-searches", f"{run}-lists", run)

    @property
    def changelog(self) -> str:
        """Where the rows go."""
        return f"{self.app}-rows-changelog"


def create(broker: str, names: list[str]) -> None:
    """Create topics, the changelogs compacted."""
    admin = AdminClient({"bootstrap.servers": broker})
    new = [
        NewTopic(n, PARTITIONS, 1, config={"cleanup.policy": "compact"} if "changelog" in n else {})
        for n in names
    ]
    for future in admin.create_topics(new).values():
        future.result()


def start(
    side: Side,
    work: str,
    broker: str,
    topics: Topics,
    state: Path,
    *,
    index_dir: Path | None = None,
    cpu: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a side; pinned to one processor where `cpu` says so."""
    module = {"plain": "plain_loop", "worker": "worker_under_test"}[side.program]
    values = {
        "BOOTSTRAP_SERVERS": broker,
        "APP_ID": topics.app,
        "STATE_DIR": str(state),
        "TOPICS__CLICKS": topics.clicks,
        "TOPICS__SEARCHES": topics.searches,
        "TOPICS__RECOMMENDATIONS": topics.lists,
        "PUBLISH_LATEST": "false",
        "LOG_LEVEL": "error",
        **dict(side.settings),
    }
    if index_dir is not None:
        values["INDEX_DIR"] = str(index_dir)
    pin = [] if cpu is None else ["taskset", "-c", str(cpu)]
    return subprocess.Popen(
        [*pin, sys.executable, "-m", f"tests.benchmarks.{module}", work],
        env={
            **os.environ,
            **{f"RILLSTREAM_{name}": value for name, value in values.items()},
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
