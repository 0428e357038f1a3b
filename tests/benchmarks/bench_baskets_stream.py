"""Next and rest of the basket from the system itself: events over Kafka, its lists scored.

    python -m tests.benchmarks.bench_baskets_stream --log online_retail.parquet --write-shop DIR
    rillstream train DIR/ranker.toml --out DIR/ranker
    python -m tests.benchmarks.bench_baskets_stream --shop DIR --ranker DIR/ranker

The index and the ranker know nothing later than 10 November 2011. A broker of its own, workers,
exactly once. What happened before that day is sent first and read by workers without the ranker,
for no list of that time is scored; then workers with it go on with the same rows and counts. Each
basket is asked by a visit at its start, before any of its lines is sent; with `--task rest` half of
it is put into the cart before the visit. Time goes on in windows: the visits of a window are
answered before its purchases are sent, so that no list knows what is asked. A window ends after ten
minutes, or when a customer comes twice.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
import numpy as np
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Producer, TopicPartition

from index import IndexStore, Item, build_index
from scoring import load_encoder
from streams.brokers.kafka import KafkaBroker
from streams.demo.prepare import events_of, items_of, merchandise
from streams.settings import Settings
from streams.topics import create_topics
from tests.benchmarks.bench_baskets import with_interval

_CUT_MS: Final = 1_320_883_200_000  # 10 November 2011
_TOP: Final = 20
_LENGTH: Final = 200  # of a list: for most, twenty items that they have not bought are in it
_WINDOW_MS: Final = 600_000
_PATIENCE_S: Final = 300.0
_GAIN: Final = 1 / np.log2(np.arange(2, _TOP + 2))
_QUOTAS: Final = {
    "short_term": 60,
    "long_term": 60,
    "search": 60,
    "tables": 80,
    "alike": 120,
    "trending": 150,
}
_RECIPE: Final = f"""
kind = "ranker"
name = "gift-shop"
events = ["before.jsonl"]
[lists]
days = 92
periods = 3
candidates = 60
[lists.quotas]
tables = {_QUOTAS["tables"]}
alike = {_QUOTAS["alike"]}
trending = {_QUOTAS["trending"]}
[network]
seeds = 3
distilled = true
"""


class _Trigger(msgspec.Struct):
    event_id: str


class _Shown(msgspec.Struct):
    item_id: str


class _List(msgspec.Struct):
    trigger: _Trigger
    items: list[_Shown]
    heads_version: str | None = None


@dataclass(slots=True)
class Asked:
    """A basket of the test, as it is sent."""

    before: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    wanted: set[str]
    had: set[str]

    @property
    def visit(self) -> str:
        """Id of the event that asks."""
        return str(self.before[-1]["event_id"])


@dataclass(slots=True)
class Scores:
    """Of the lists so far."""

    ndcg: list[float] = field(default_factory=list)
    ndcg_new: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)

    def add(self, shown: Sequence[str], asked: Asked) -> None:
        """Score one list."""
        self.ndcg.append(_ndcg(shown, asked.wanted))
        new = asked.wanted - asked.had
        unknown = [item for item in shown if item not in asked.had]
        self.ndcg_new.append(_ndcg(unknown, new) if new else np.nan)
        self.recall.append(len(asked.wanted.intersection(shown[:_TOP])) / len(asked.wanted))

    def tell(self, name: str, to: TextIO) -> None:
        """A row of the table, of the lists so far."""
        columns = (np.array(each) for each in (self.ndcg, self.ndcg_new, self.recall))
        cells = [with_interval(each) if len(each) else "" for each in columns]
        print(f"| {name} | {' | '.join(cells)} |", file=to, flush=True)


def _ndcg(shown: Sequence[str], wanted: set[str]) -> float:
    hits = np.array([item in wanted for item in shown[:_TOP]], np.float64)
    return float(hits @ _GAIN[: len(hits)] / _GAIN[: len(wanted)].sum())


def baskets_of(events: Sequence[dict[str, Any]], rest: bool) -> list[Asked]:
    """The baskets from the cut on, in order of time; returns between them ask nothing."""
    had: defaultdict[str, set[str]] = defaultdict(set)
    lines: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        lines[event["session_id"]].append(event)
    rng = np.random.default_rng(4)
    found = []
    for session, same in lines.items():
        user, at_ms = same[0]["user_id"], same[0]["at_ms"]
        items = [event["item_id"] for event in same if event["type"] == "purchase"]
        if at_ms >= _CUT_MS and items:
            given = rng.permutation(items)[: len(items) // 2].tolist() if rest else []
            common = {"user_id": user, "context": same[0]["context"]}
            before = [
                {"event_id": f"cart-{session}-{item}", "type": "cart", "item_id": item}
                | {"at_ms": at_ms - 1_000}
                | common
                for item in given
            ]
            before.append(
                {"event_id": f"visit-{session}", "type": "visit", "at_ms": at_ms} | common
            )
            wanted = set(items) - set(given)
            if not rest or len(items) > 1:
                found.append(Asked(before, same, wanted, set(had[user])))
            else:
                found.append(Asked([], same, set(), set()))
        elif at_ms >= _CUT_MS:
            found.append(Asked([], same, set(), set()))
        had[user].update(items)
    return found


def windows(baskets: Iterable[Asked]) -> Iterator[list[Asked]]:
    """Baskets that are asked at once."""
    window: list[Asked] = []
    users: set[str] = set()
    for basket in baskets:
        first = basket.lines[0]
        late = window and first["at_ms"] - window[0].lines[0]["at_ms"] > _WINDOW_MS
        if late or first["user_id"] in users:
            yield window
            window, users = [], set()
        window.append(basket)
        users.add(first["user_id"])
    yield window


class Shop:
    """A broker's topics, with workers to be started and lists to be read."""

    def __init__(self, bootstrap: str, folder: Path, shop: Path, policy: Path) -> None:
        self._values = {
            "BOOTSTRAP_SERVERS": bootstrap,
            "APP_ID": "shop",
            "STATE_DIR": str(folder / "state"),
            "INDEX_DIR": str(shop / "indexes"),
            "SHOP_COUNTS": "true",
            "SLATE_SIZE": str(_LENGTH),
            "CANDIDATES": str(_LENGTH),
            "CANDIDATE_QUOTAS": json.dumps(_QUOTAS),
            "POLICY": str(policy),
            "PUBLISH_LATEST": "false",
            "LOG_LEVEL": "warning",
        }
        names = {name.lower(): value for name, value in self._values.items()}
        names["candidate_quotas"] = _QUOTAS  # type: ignore[assignment]
        self.settings = Settings(**names)  # type: ignore[arg-type]
        create_topics(self.settings)
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 2})
        self._reader = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "reader"}
            | {"isolation.level": "read_committed", "fetch.wait.max.ms": 10}
        )
        topic = self.settings.topic("recommendations")
        partitions = range(self.settings.partitions)
        self._reader.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        self._decode = msgspec.json.Decoder(_List).decode
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self, n_workers: int, **more: str) -> None:
        """Start workers, the same ones as before where there were any."""
        for number in range(n_workers):
            values = self._values | {"STATE_DIR": f"{self._values['STATE_DIR']}-{number}"} | more
            environment = {f"RILLSTREAM_{name}": value for name, value in values.items()}
            self._workers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "streams.cli.main", "worker"],
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
                )
            )

    def stop(self) -> None:
        """End the workers as an operator would."""
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.wait(120)
        self._workers.clear()

    def send(self, events: Iterable[dict[str, Any]]) -> int:
        """Publish; returns how many."""
        topic, count = self.settings.topic("clicks"), 0
        for event in events:
            while True:
                try:
                    self._producer.produce(topic, json.dumps(event).encode(), event["user_id"])
                    break
                except BufferError:
                    self._producer.poll(0.1)
            count += 1
        self._producer.flush()
        return count

    def lists(self, n_lists: int) -> dict[str, _List]:
        """The next lists, by the event that each answers."""
        found: dict[str, _List] = {}
        heard = time.monotonic()
        while n_lists > 0:
            for message in self._reader.consume(2_000, 0.02):
                if message.error() is None:
                    made = self._decode(message.value() or b"")
                    found[made.trigger.event_id] = made
                    n_lists, heard = n_lists - 1, time.monotonic()
            if time.monotonic() - heard > _PATIENCE_S:
                raise SystemExit(f"{n_lists} lists are missing")
            if any(worker.poll() is not None for worker in self._workers):
                raise SystemExit("a worker has ended")
        return found


def write_shop(log: Path, folder: Path) -> None:
    """Events from before the cut, an index that knows nothing later, and a recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(merchandise(pq.read_table(log).to_pylist()))
    rows = items_of(lines, _CUT_MS)
    events = events_of(lines, 0, {row["item_id"] for row in rows})
    before = [json.dumps(event) + "\n" for event in events if event["at_ms"] < _CUT_MS]
    (folder / "before.jsonl").write_text("".join(before), "utf-8")
    (folder / "all.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events), "utf-8")
    (folder / "ranker.toml").write_text(_RECIPE, "utf-8")
    items = [Item(item_id=r["item_id"], title=r["title"], price=r["price"]) for r in rows]
    encoder = load_encoder(threads=1)
    build_index(
        IndexStore(folder / "indexes"),
        items,
        encoder.encode_items([encoder.item_text(item) for item in items]),
        encoder_version=encoder.version,
        engine="exact",
        popularity=np.array([row["popularity"] for row in rows], np.float32),
    )


def run(arguments: argparse.Namespace, folder: Path, bootstrap: str) -> None:
    """Send, wait, score, print."""
    policy = folder / "policy.toml"
    rest = arguments.task == "rest"
    # What was put into the cart a second before is not listed again; otherwise nothing is struck.
    policy.write_text(f"just_seen_window_ms = {60_000 if rest else 0}\n", "utf-8")
    shop = Shop(bootstrap, folder, arguments.shop, policy)
    events = [json.loads(line) for line in (arguments.shop / "all.jsonl").open(encoding="utf-8")]
    begun = time.monotonic()
    shop.start(arguments.workers, SLATE_SIZE="1", CANDIDATES="1", CANDIDATE_QUOTAS="{}")
    shop.lists(shop.send(event for event in events if event["at_ms"] < _CUT_MS))
    shop.stop()
    said = f"the past is read after {time.monotonic() - begun:.0f} s"
    print(said, file=sys.stderr, flush=True)
    ranker = {"RANKER": str(arguments.ranker)} if arguments.ranker else {}
    shop.start(arguments.workers, **ranker)
    scores, versions = Scores(), set[str | None]()
    until_ms = _CUT_MS + arguments.days * 86_400_000
    baskets = [each for each in baskets_of(events, rest) if each.lines[0]["at_ms"] < until_ms]
    for number, window in enumerate(windows(baskets)):
        made = shop.lists(shop.send(event for each in window for event in each.before))
        for each in window:
            if each.before:
                answer = made[each.visit]
                versions.add(answer.heads_version)
                scores.add([item.item_id for item in answer.items], each)
        shop.lists(shop.send(event for each in window for event in each.lines))
        if number % 50 == 0:
            scores.tell(f"{len(scores.ndcg):,} lists, {time.monotonic() - begun:.0f} s", sys.stderr)
    shop.stop()
    print("| | nDCG@20 | the same, new items | recall@20 |\n|---|---|---|---|")
    scores.tell(f"{len(scores.ndcg):,} lists of {arguments.task} by {versions}", sys.stdout)


def main() -> None:
    """Write a shop's files, or measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path)
    parser.add_argument("--write-shop", type=Path)
    parser.add_argument("--shop", type=Path)
    parser.add_argument("--ranker", type=Path)
    parser.add_argument("--task", choices=("next", "rest"), default="next")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--days", type=int, default=60, help="only so many after 10 November")
    arguments = parser.parse_args()
    if arguments.write_shop:
        write_shop(arguments.log, arguments.write_shop)
        return
    with tempfile.TemporaryDirectory() as name, KafkaBroker(Path(name) / "kafka") as broker:
        run(arguments, Path(name), broker.bootstrap)


if __name__ == "__main__":
    main()
