"""The baseline: a plain confluent-kafka loop around the same work, rows in the same RocksDB store.

It has what a careful engineer would give it: an idempotent producer, large fetches, batches of 512, one flush and one
synchronous commit a batch, the changelog written too.  It has no recovery, no rebalance handling and no transactions.
"""

import argparse
import itertools
import signal
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.rows import RocksRows
from streams.runs import Claim, Run
from tests.benchmarks.reference_work import ReferenceWork

BATCH = 512


class LocalRows:
    """Rows by partition, opened on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores: dict[int, RocksRows] = {}

    def store(self, partition: int) -> RocksRows:
        """The store of one partition."""
        if partition not in self._stores:
            self._stores[partition] = RocksRows(self._folder / f"rows-{partition}", "plain")
        return self._stores[partition]

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """As `RowTable.get_many`."""
        return self.store(partition).get_many(keys)


def runs_of(messages: list[Any], claim: Claim) -> list[Run]:
    """Messages of a poll, as runs by partition."""
    runs = []
    messages.sort(key=lambda m: (m.topic(), m.partition()))
    for (topic, partition), group in itertools.groupby(
        messages, key=lambda m: (m.topic(), m.partition())
    ):
        records = [
            SimpleNamespace(offset=m.offset(), timestamp=m.timestamp()[1], key=m.key(), value=m.value(), headers=())
            for m in group
        ]
        runs.append(Run(topic, partition, records[0].offset, records[-1].offset + 1, records, claim))
    return runs


def main() -> None:
    """Consume until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--sources", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--state", type=Path, required=True)
    args = parser.parse_args()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))

    rows = LocalRows(args.state)
    work = ReferenceWork(rows, args.out)
    consumer = Consumer(
        {
            "bootstrap.servers": args.broker,
            "group.id": args.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "queued.min.messages": 20000,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": args.broker,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 1,
        }
    )
    consumer.subscribe(args.sources.split(","))
    claim = Claim(0, 0, b"")
    while not stopping:
        messages = [m for m in consumer.consume(BATCH, 0.005) if m.error() is None]
        if not messages:
            continue
        outbox = work(runs_of(messages, claim), claim)
        for partition, changed in outbox.rows.items():
            producer.produce_batch(
                f"{args.group}-rows-changelog",
                [{"key": key, "value": row} for key, row in changed.items()],
                partition=partition,
            )
        for topic, batch in outbox.messages.items():
            producer.produce_batch(topic, batch)
        producer.flush()
        for partition, changed in outbox.rows.items():
            rows.store(partition).apply(changed, None)
        consumer.commit(
            offsets=[TopicPartition(t, p, end) for (t, p), end in outbox.ends.items()], asynchronous=False
        )
    consumer.close()


if __name__ == "__main__":
    main()
