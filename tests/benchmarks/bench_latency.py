"""Event -> list latency at fixed rates, open loop.

Measured from the producer's send to a separate subscriber's receipt.

    python -m tests.benchmarks.bench_latency --rates 200,1000 --items 100000 --engine hnsw --cpu 0

The worker (or the plain loop) is pinned to one processor; the broker, the generator and the
subscriber share the rest. Nine clicks to one search, half of the searches never seen before.
The broker has a heap of 3 GB (KAFKA_HEAP_OPTS): with the 512 MB of `rillstream broker` it stops for
20 to 50 ms every 1.5 s to collect garbage, and a hundredth of all lists would measure that.
Events are sent at their due time whether or not earlier ones were answered; the latency counts from
the due time, so a stall of the generator counts too.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import numpy as np
from confluent_kafka import Consumer, Producer

from streams.brokers.kafka import KafkaBroker
from tests.benchmarks.big_shop import ensure_index
from tests.benchmarks.events import EventSource
from tests.benchmarks.sides import SIDES, Side, Topics, create, start

WARM_S = 5.0


class _Trigger(msgspec.Struct):
    event_id: str


class _List(msgspec.Struct):
    trigger: _Trigger


def receive(broker: str, topic: str, pipe: Connection) -> None:
    """A subscriber in a process of its own: event id -> first receipt in ns; ends when told."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"reader-{topic}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 5,
        }
    )
    consumer.subscribe([topic])
    decode, received = msgspec.json.Decoder(_List).decode, dict[str, int]()
    while not pipe.poll():
        for message in consumer.consume(500, 0.002):
            if message.error() is None:
                received.setdefault(decode(message.value() or b"").trigger.event_id, time.time_ns())
    pipe.send(received)
    consumer.close()


def send(
    broker: str, topics: Topics, rate: float, seconds: float, args: argparse.Namespace
) -> dict[str, int]:
    """Publish at a fixed rate; event id -> due time in ns."""
    producer = Producer(
        {"bootstrap.servers": broker, "partitioner": "murmur2_random", "linger.ms": 2}
    )
    source, names = (
        EventSource(args.users, args.items),
        {"clicks": topics.clicks, "searches": topics.searches},
    )
    due: dict[str, int] = {}
    begun = time.time_ns()
    for number in range(int(rate * seconds)):
        at = begun + int(number / rate * 1e9)
        while (left := at - time.time_ns()) > 0:
            producer.poll(0)
            time.sleep(min(left / 1e9, 0.002))
        kind, key, value = source.next()
        due[f"e{number + 1}"] = at
        producer.produce(names[kind], value, key)
    producer.flush()
    return due


def wait_until_it_answers(process: subprocess.Popen[bytes], broker: str, topics: Topics) -> None:
    """Until one event has led to one list."""
    reader = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"first-{topics.app}",
            "auto.offset.reset": "earliest",
        }
    )
    reader.subscribe([topics.lists])
    producer = Producer({"bootstrap.servers": broker, "partitioner": "murmur2_random"})
    _, key, value = EventSource(1, 1).next()
    producer.produce(topics.clicks, value.replace(b'"e1"', b'"first"'), key)
    producer.flush()
    deadline = time.monotonic() + 90
    while not [m for m in reader.consume(1, 0.5) if m.error() is None]:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"no first list; exit code {process.poll()}")
    reader.close()


def measure(
    broker: str,
    side: Side,
    rate: float,
    seconds: float,
    run: str,
    args: argparse.Namespace,
    folder: Path,
) -> dict[str, object]:
    """Latencies of one side at one rate."""
    topics = Topics.of(run)
    create(broker, [topics.clicks, topics.searches, topics.lists, topics.changelog])
    ours, theirs = multiprocessing.Pipe()
    process = start(
        side, args.work, broker, topics, folder / run, index_dir=args.index_dir, cpu=args.cpu
    )
    try:
        wait_until_it_answers(process, broker, topics)
        reader = multiprocessing.get_context("spawn").Process(
            target=receive, args=(broker, topics.lists, theirs)
        )
        reader.start()
        time.sleep(3)
        due = send(broker, topics, rate, seconds + WARM_S, args)
        time.sleep(3)
        ours.send("done")
        received = ours.recv()
        reader.join()
    finally:
        process.terminate()
        process.wait(30)
    counted = list(due)[int(rate * WARM_S) :]
    latencies = np.array([received[e] - due[e] for e in counted if e in received]) / 1e6
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    return {
        "side": side.name,
        "rate": rate,
        "n": len(latencies),
        "missing": len(counted) - len(latencies),
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
        "p99_ms": round(float(p99), 1),
        "max_ms": round(float(latencies.max()), 1),
    }


def main() -> None:
    """Measure every side at every rate and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", choices=["reference", "shop"], default="shop")
    parser.add_argument("--rates", default="200,1000")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm", type=float, default=75, help="seconds of traffic beforehand")
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--engine", default="hnsw")
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--sides", default="plain loop,exactly once,at least once")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "rillstream-bench"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.index_dir = (
        ensure_index(args.cache, args.items, args.engine) if args.work == "shop" else None
    )
    os.environ.setdefault("KAFKA_HEAP_OPTS", "-Xms3g -Xmx3g -Xmn2g -XX:+AlwaysPreTouch")
    if others := os.sched_getaffinity(0) - {args.cpu}:
        os.sched_setaffinity(0, others)  # broker, generator and subscriber inherit it
    rows: list[dict[str, object]] = []
    with (
        tempfile.TemporaryDirectory() as temporary,
        KafkaBroker(Path(temporary, "kafka")) as broker,
    ):
        folder = Path(temporary)
        if args.warm:  # a JVM that has just started compiles for a minute, on the broker's one core
            side = SIDES["exactly once"]
            measure(broker.bootstrap, side, 1000, args.warm, "warm", args, folder)
        for rate in (float(text) for text in args.rates.split(",")):
            for side in (SIDES[name] for name in args.sides.split(",")):
                run = f"l{len(rows)}"
                rows.append(measure(broker.bootstrap, side, rate, args.seconds, run, args, folder))
                print(rows[-1], file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(rows))
        return
    print("| | events/s | p50 ms | p95 ms | p99 ms | max ms | missing |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['side']} | {row['rate']:,.0f} | {row['p50_ms']} | {row['p95_ms']} | "
            f"{row['p99_ms']} | {row['max_ms']} | {row['missing']} |"
        )


if __name__ == "__main__":
    main()
