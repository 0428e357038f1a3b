"""How long until a changed item is in, or gone from, the lists of every worker.

    python -m tests.benchmarks.bench_live_items --changes 100 --items 100000

Two real workers with the real encoder share four partitions. An item is published to the items
topic; one of the workers encodes it, both read its vector. Meanwhile shoppers on every partition
search for its title again and again. Counted is the time from before the item was sent until lists
have arrived that show it to all of them; the same for its deletion, until none of them sees it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from streams.brokers.kafka import KafkaBroker
from streams.items import Item
from streams.settings import Settings
from streams.topics import create_topics
from tests.benchmarks.big_shop import ensure_index
from tests.benchmarks.events import EventSource
from tests.integration.live_shop import Catalogue, Shoppers, ids

CHOSEN = ("bootstrap_servers", "app_id", "topic_prefix", "index_dir")


def start(settings: Settings, folder: Path, number: int) -> subprocess.Popen[bytes]:
    """A worker, its log in the folder."""
    values = {f"RILLSTREAM_{name.upper()}": str(getattr(settings, name)) for name in CHOSEN}
    with (folder / f"{number}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", "worker"],
            env={
                **os.environ,
                **values,
                "RILLSTREAM_STATE_DIR": str(folder / f"state-{number}"),
                "OPENBLAS_NUM_THREADS": "1",
            },
            stdout=log,
            stderr=log,
        )


def measure(settings: Settings, args: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of each change, by kind."""
    catalogue, shoppers = Catalogue(settings), Shoppers(settings)
    words = EventSource(1, args.items, seed=23)
    took: dict[str, list[float]] = {"new": [], "deleted": []}
    shoppers.wait_until("warm", lambda each: bool(each.items), 90)
    for number in range(args.changes):
        item_id = f"new-{number}"
        title = f"{words._query()} {words._query()} {number}"
        shoppers.ask(title)  # its vector is known from now on, as that of a popular search is
        begun = time.monotonic()
        catalogue.put(Item(item_id=item_id, title=title))
        shoppers.wait_until(title, lambda each, item_id=item_id: item_id in ids(each))  # type: ignore[misc]
        took["new"].append(time.monotonic() - begun)
        begun = time.monotonic()
        catalogue.delete(item_id)
        shoppers.wait_until(title, lambda each, item_id=item_id: item_id not in ids(each))  # type: ignore[misc]
        took["deleted"].append(time.monotonic() - begun)
    shoppers.close()
    return took


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--engine", default="hnsw")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "rillstream-bench"
    )
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as temporary,
        KafkaBroker(Path(temporary, "kafka")) as broker,
    ):
        folder = Path(temporary)
        settings = Settings(
            bootstrap_servers=broker.bootstrap,
            app_id="live",
            topic_prefix="live.",
            index_dir=ensure_index(args.cache, args.items, args.engine),
        )
        create_topics(settings)
        workers = [start(settings, folder, number) for number in range(2)]
        try:
            deadline = time.monotonic() + 90
            while not all(b"worker ready" in p.read_bytes() for p in folder.glob("?.log")):
                if time.monotonic() > deadline:
                    raise SystemExit((folder / "0.log").read_text()[-2000:])
                time.sleep(0.1)
            took = measure(settings, args)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(30)
    print("| item | changes | p50 ms | p95 ms | p99 ms | max ms |")
    print("|---|---|---|---|---|---|")
    for kind, seconds in took.items():
        p50, p95, p99 = np.percentile(np.array(seconds) * 1e3, [50, 95, 99])
        worst = max(seconds) * 1e3
        print(f"| {kind} | {len(seconds)} | {p50:.0f} | {p95:.0f} | {p99:.0f} | {worst:.0f} |")


if __name__ == "__main__":
    main()
