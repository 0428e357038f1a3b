r"""Events a second of a worker and of a plain confluent-kafka loop, in turns on one broker.

    python -m tests.benchmarks.bench_throughput --work reference --events 60000 --rounds 3
    python -m tests.benchmarks.bench_throughput --work shop --engine hnsw --items 100000 \
        --events 20000

Each side drains the same backlog; its rate is measured at a separate reader of committed lists,
from the 10 % mark to the 90 % mark, so that neither start-up nor the tail counts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer

from streams.brokers.kafka import KafkaBroker
from tests.benchmarks.big_shop import ensure_index
from tests.benchmarks.events import EventSource
from tests.benchmarks.sides import SIDES, Side, Topics, create, start


def publish(broker: str, topics: Topics, n_events: int, n_users: int, n_items: int) -> None:
    """The backlog."""
    producer = Producer(
        {"bootstrap.servers": broker, "partitioner": "murmur2_random", "linger.ms": 20}
    )
    source, names = (
        EventSource(n_users, n_items),
        {"clicks": topics.clicks, "searches": topics.searches},
    )
    for _ in range(n_events):
        kind, key, value = source.next()
        producer.produce(names[kind], value, key)
        producer.poll(0)
    producer.flush()


def measure(broker: str, side: Side, run: str, args: argparse.Namespace, folder: Path) -> float:
    """Events a second of one side."""
    topics = Topics.of(run, sources="shared")
    create(broker, [topics.lists, topics.changelog])
    reader = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"reader-{run}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    reader.subscribe([topics.lists])
    process = start(side, args.work, broker, topics, folder / run, index_dir=args.index_dir)
    try:
        return _rate(reader, args.events, process)
    finally:
        process.terminate()
        process.wait(30)
        reader.close()


def _rate(reader: Consumer, n_events: int, process: subprocess.Popen[bytes]) -> float:
    low, high, seen = int(n_events * 0.1), int(n_events * 0.9), 0
    begun: tuple[float, int] | None = None
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        seen += len(reader.consume(2000, 0.05))
        if begun is None and seen >= low:
            begun = (time.perf_counter(), seen)
        if begun is not None and seen >= high:
            return (seen - begun[1]) / (time.perf_counter() - begun[0])
        if process.poll() is not None:
            raise SystemExit(f"the process ended with {process.returncode} after {seen} lists")
    raise SystemExit(f"only {seen} of {n_events} lists after 180 s")


def main() -> None:
    """Measure all sides, round by round, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", default="reference", help="reference, reference:<items>, shop")
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--engine", default="hnsw")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "rillstream-bench"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.index_dir = (
        ensure_index(args.cache, args.items, args.engine) if args.work == "shop" else None
    )
    rates: dict[str, list[float]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as name, KafkaBroker(Path(name) / "kafka") as broker:
        shared = Topics.of("shared")
        create(broker.bootstrap, [shared.clicks, shared.searches])
        publish(broker.bootstrap, shared, args.events, args.users, args.items)
        for number in range(args.rounds):
            for position, side in enumerate(SIDES.values()):
                run = f"r{number}-{position}"
                rates[side.name].append(measure(broker.bootstrap, side, run, args, Path(name)))
                print(
                    f"round {number + 1}: {side.name}: {rates[side.name][-1]:,.0f} events/s",
                    file=sys.stderr,
                    flush=True,
                )
    plain = 1e6 / statistics.median(rates["plain loop"])
    table = [
        {
            "side": name,
            "events_per_s": round(statistics.median(values)),
            "min": round(min(values)),
            "max": round(max(values)),
            "us_per_event": round(1e6 / statistics.median(values), 1),
            "ratio": round(plain * statistics.median(values) / 1e6, 3),
            "overhead_us": round(1e6 / statistics.median(values) - plain, 1),
        }
        for name, values in rates.items()
    ]
    if args.json:
        print(json.dumps(table))
        return
    print("| | events/s (median) | min – max | µs an event | ratio | µs above the plain loop |")
    print("|---|---|---|---|---|---|")
    for row in table:
        print(
            f"| {row['side']} | {row['events_per_s']:,} | {row['min']:,} – {row['max']:,} | "
            f"{row['us_per_event']} | {row['ratio']} | {row['overhead_us']} |"
        )


if __name__ == "__main__":
    main()
