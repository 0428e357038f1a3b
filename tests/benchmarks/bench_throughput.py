"""Events a second of a worker and of a plain confluent-kafka loop, on one broker, in one run, in turns.

    python -m tests.benchmarks.bench_throughput --events 60000 --rounds 3

Each side drains a backlog; its rate is measured at a separate reader of committed lists, from the 5 % mark to the
95 % mark, so that neither start-up nor the tail counts.
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
from confluent_kafka.admin import AdminClient, NewTopic

from streams.brokers.kafka import KafkaBroker

PARTITIONS = 4
SIDES = {
    "plain loop": ("plain_loop", []),
    "exactly once": ("worker_under_test", ["--delivery", "exactly_once"]),
    "at least once": ("worker_under_test", ["--delivery", "at_least_once"]),
    "exactly once, rows in memory": ("worker_under_test", ["--store", "memory"]),
}


def publish(broker: str, n_events: int, n_users: int) -> None:
    """The backlog: clicks and one search in ten, of about 250 bytes."""
    producer = Producer(
        {"bootstrap.servers": broker, "partitioner": "murmur2_random", "linger.ms": 20}
    )
    for number in range(n_events):
        user = f"user-{number * 7919 % n_users}"
        event = {
            "event_id": f"event-{number}",
            "user_id": user,
            "type": "click",
            "item_id": f"item-{number % 10_000:08d}",
            "at_ms": 1_700_000_000_000 + number,
            "context": {"device": "phone", "country": "FR", "page": "https://shop.example/some/page"},
        }
        topic = "searches" if number % 10 == 0 else "clicks"
        producer.produce(topic, json.dumps(event).encode(), user.encode())
        producer.poll(0)
    producer.flush()


def measure(broker: str, side: str, run: str, n_events: int, folder: Path) -> float:
    """Events a second of one side."""
    out, changelog = f"lists-{run}", f"{run}-rows-changelog"
    admin = AdminClient({"bootstrap.servers": broker})
    new = [
        NewTopic(out, PARTITIONS, 1),
        NewTopic(changelog, PARTITIONS, 1, config={"cleanup.policy": "compact"}),
    ]
    for future in admin.create_topics(new).values():
        future.result()
    reader = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"reader-{run}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    reader.subscribe([out])
    module, extra = SIDES[side]
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", "--broker", broker, "--group", run]
    command += ["--sources", "clicks,searches", "--out", out]
    process = subprocess.Popen([*command, "--state", str(folder / run), *extra])
    try:
        return _rate(reader, n_events, process)
    finally:
        process.terminate()
        process.wait(30)
        reader.close()
        admin.delete_topics([out, changelog])


def _rate(reader: Consumer, n_events: int, process: subprocess.Popen[bytes]) -> float:
    low, high, seen = int(n_events * 0.05), int(n_events * 0.95), 0
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sides = [side.strip() for side in args.sides.split(";" if ";" in args.sides else "|")]
    sides = list(SIDES) if args.sides == ",".join(SIDES) else sides
    rates: dict[str, list[float]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as name, KafkaBroker(Path(name) / "kafka") as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for future in admin.create_topics([NewTopic(t, PARTITIONS, 1) for t in ("clicks", "searches")]).values():
            future.result()
        publish(broker.bootstrap, args.events, args.users)
        for number in range(args.rounds):
            for position, side in enumerate(sides):
                rate = measure(broker.bootstrap, side, f"r{number}-{position}", args.events, Path(name))
                rates[side].append(rate)
                print(f"round {number + 1}: {side}: {rate:,.0f} events/s", file=sys.stderr, flush=True)
    plain = statistics.median(rates[sides[0]])
    table = [
        {
            "side": side,
            "events_per_s": round(statistics.median(values)),
            "min": round(min(values)),
            "max": round(max(values)),
            "ratio": round(statistics.median(values) / plain, 3),
            "overhead_us": round(1e6 / statistics.median(values) - 1e6 / plain, 1),
        }
        for side, values in rates.items()
    ]
    if args.json:
        print(json.dumps(table))
    else:
        print("| | events/s (median) | min – max | ratio | µs an event above the first row |")
        print("|---|---|---|---|---|")
        for row in table:
            print(
                f"| {row['side']} | {row['events_per_s']:,} | {row['min']:,} – {row['max']:,} | "
                f"{row['ratio']} | {row['overhead_us']} |"
            )


if __name__ == "__main__":
    main()
