"""What keeping the shop's counts costs a worker's step: time and bytes an event.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.benchmarks.bench_shop_counts

The real step with rows in RocksDB, batches of 64 and of 512 events of 5,000 users about 10,000
items (Zipf's law, one purchase in ten), and a ranking that does nothing, so that only the rows, the
counts and the records are measured. With and without counts in turns; medians. Reading is what
every worker does with what all of them have counted.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import numpy as np

from index import Catalogue, Item
from scoring import Request, Slate
from scoring.item_counts import ItemCounts
from scoring.shop_counts import ShopCounts
from scoring.shop_view import ShopView
from scoring.trends import Trends
from streams.agents import clicks
from streams.events import Click
from streams.live.shop_follower import take
from streams.metrics import StepMetrics
from streams.records import encode
from streams.rows import RocksRows
from streams.runs import Claim, Run
from streams.step import Publishing, RecommendationStep

_N_ITEMS: Final = 10_000
_CLAIM: Final = Claim(1, 1, b"")


class NoRanking:
    """Empty lists."""

    encoder_version, index_version, policy_version = "e", "x", "p"
    rules_version: str | None = None
    heads_version: str | None = None
    features_version: str | None = None
    catalogue = Catalogue.from_items([Item(item_id=f"i{n}", title="x") for n in range(_N_ITEMS)])

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        return [Slate((), {}, 0) for _ in requests]


class OnePartition:
    """The rows of one partition."""

    def __init__(self, folder: Path) -> None:
        self.store = RocksRows(folder, "bench")

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.store.get_many(keys)


def runs_of(n_events: int, size: int) -> list[Run]:
    """Batches of one partition."""
    rng, zipf = random.Random(1), np.random.default_rng(1)
    items = zipf.zipf(1.2, n_events) % _N_ITEMS
    now_ms = time.time_ns() // 1_000_000 - n_events
    records = []
    for n in range(n_events):
        kind = "purchase" if rng.random() < 0.1 else "view"
        user = f"user-{rng.randrange(5_000)}"
        click = Click(
            event_id=f"event-{n}",
            user_id=user,
            type=kind,  # type: ignore[arg-type]
            item_id=f"i{items[n]}",
            at_ms=now_ms + n,
            price=2.5,
            context={"country": rng.choice(["DE", "FR", "GB"])},
        )
        value = encode(click)
        records.append(
            SimpleNamespace(offset=n, timestamp=0, key=user.encode(), value=value, headers=())
        )
    return [
        Run("clicks", 0, begin, begin + size, records[begin : begin + size], _CLAIM)
        for begin in range(0, n_events, size)
    ]


def drain(runs: Sequence[Run], folder: Path, topic: str | None) -> tuple[float, int, list[bytes]]:
    """Seconds of CPU time of the step, bytes of messages and rows, and the records of counts."""
    rows = OnePartition(folder)
    step = RecommendationStep(
        rows,
        NoRanking(),
        {"clicks": clicks.apply},
        {"clicks": "C"},
        Publishing("lists", None, None, None, topic),
        max_bytes=65_536,
        metrics=StepMetrics(),
    )
    seconds, n_bytes, told = 0.0, 0, list[bytes]()
    for run in runs:
        begun = time.process_time()
        outbox = step([run], _CLAIM)
        seconds += time.process_time() - begun
        told += [each["value"] or b"" for each in outbox.messages.get(topic or "", [])]
        n_bytes += sum(len(row) for row in outbox.rows[0].values())
        n_bytes += sum(len(each["value"] or b"") for each in outbox.messages.get(topic or "", []))
        rows.store.apply(outbox.rows[0], None)
    rows.store.close()
    return seconds, n_bytes, told


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_480)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(
        "| batch | µs an event, without | with | KB an event, without | with | records an event |"
    )
    print("|---|---|---|---|---|---|")
    for size in (64, 512):
        runs = runs_of(given.events, size)
        found: dict[str | None, list[tuple[float, int, list[bytes]]]] = {None: [], "counts": []}
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(given.rounds):
                for topic, results in found.items():
                    results.append(drain(runs, Path(folder, f"{turn}-{topic}"), topic))
        plain, counting = found.values()
        us = [
            statistics.median(s for s, _, _ in each) / given.events * 1e6
            for each in (plain, counting)
        ]
        kb = [each[0][1] / given.events / 1e3 for each in (plain, counting)]
        told = counting[0][2]
        print(
            f"| {size} | {us[0]:.1f} | {us[1]:.1f} | {kb[0]:.2f} | {kb[1]:.2f} "
            f"| {len(told) / given.events:.2f} |",
            flush=True,
        )
    metrics, shop, begun = StepMetrics(), ShopCounts(), time.process_time()
    for body in told:
        take(shop, body, metrics)
    took_us = (time.process_time() - begun) / len(told) * 1e6
    rng, now_ms = np.random.default_rng(2), time.time_ns() // 1_000_000
    for n in range(given.items):
        counts = ItemCounts.first(now_ms).observe(
            "purchase", now_ms, region=f"r{rng.integers(20)}", newcomer=True
        )
        shop.put("C:1", f"i{n}", counts)
    items = [Item(item_id=f"i{n}", title="x") for n in range(given.items)]
    trends = Trends(ShopView(shop, Catalogue.from_items(items)), Catalogue.from_items(items), 2_000)
    trends.at(now_ms)
    begun = time.process_time()
    for n in range(1, 6):
        trends.at(now_ms + n * 60_000)
    trends_ms = (time.process_time() - begun) / 5 * 1e3
    print(
        f"\nreading: {took_us:.1f} µs a record; "
        f"what is trending of {len(shop.item_ids):,} items: {trends_ms:.1f} ms"
    )


if __name__ == "__main__":
    main()
