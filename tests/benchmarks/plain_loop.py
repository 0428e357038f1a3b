"""The baseline: a plain confluent-kafka loop around the same work, rows in the same RocksDB store.

    RILLSTREAM_BOOTSTRAP_SERVERS=… python -m tests.benchmarks.plain_loop reference

It has what a careful engineer would give it: an idempotent producer, large fetches, batches that
grow with the backlog, the changelog written too, and a thread that writes one batch while the
next one is computed.  It has no recovery, no rebalance handling and no transactions: at
least once.
"""

import itertools
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.outbox import Outbox
from streams.rows import RocksRows
from streams.runs import Claim, Run
from streams.settings import load_settings
from streams.topics import changelog_topic
from tests.benchmarks.work import make_work


class LocalRows:
    """Rows by partition, opened on first use; rows not stored yet in front of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores: dict[int, RocksRows] = {}
        self._pending: dict[int, dict[bytes, bytes]] = {}

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """As `RowTable.get_many`."""
        pending = self._pending.get(partition, {})
        stored = self._store(partition).get_many(keys)
        return [pending.get(key) or row for key, row in zip(keys, stored, strict=True)]

    def stage(self, rows: dict[int, dict[bytes, bytes]]) -> None:
        """Show rows of a batch whose acknowledgements are not in yet."""
        self._pending = rows

    def settle(self, rows: dict[int, dict[bytes, bytes]]) -> None:
        """Store acknowledged rows."""
        for partition, changed in rows.items():
            self._store(partition).apply(changed, None)

    def _store(self, partition: int) -> RocksRows:
        if partition not in self._stores:
            self._stores[partition] = RocksRows(self._folder / f"rows-{partition}", "plain")
        return self._stores[partition]


def runs_of(messages: list[Any], claim: Claim) -> list[Run]:
    """Messages of a poll, as runs by partition."""
    runs = []
    messages.sort(key=lambda m: (m.topic(), m.partition()))
    for (topic, partition), group in itertools.groupby(
        messages, key=lambda m: (m.topic(), m.partition())
    ):
        records = [
            SimpleNamespace(
                offset=m.offset(), timestamp=0, key=m.key(), value=m.value(), headers=()
            )
            for m in group
        ]
        runs.append(
            Run(topic, partition, records[0].offset, records[-1].offset + 1, records, claim)
        )
    return runs


def main() -> None:
    """Consume until SIGTERM."""
    settings = load_settings()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    rows = LocalRows(settings.state_dir)
    work = make_work(sys.argv[1], settings)(rows)  # type: ignore[arg-type]  # it reads like a RowTable
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": settings.app_id,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
            "queued.min.messages": 20_000,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 1,
        }
    )
    consumer.subscribe(list(work.topics))

    def make_durable(outbox: Outbox) -> None:
        for partition, changed in outbox.rows.items():
            entries = [{"key": key, "value": row} for key, row in changed.items()]
            producer.produce_batch(changelog_topic(settings), entries, partition=partition)
        for topic, batch in outbox.messages.items():
            producer.produce_batch(topic, batch)
        producer.flush()
        rows.settle(outbox.rows)
        ends = [TopicPartition(t, p, end) for (t, p), end in outbox.ends.items()]
        consumer.commit(offsets=ends, asynchronous=True)

    claim, writer, writing = Claim(0, 0, b""), ThreadPoolExecutor(1), None
    while not stopping:
        messages = [m for m in consumer.consume(512, 0.005) if m.error() is None]
        if not messages:
            continue
        outbox = work.process(runs_of(messages, claim), claim)
        if writing is not None:
            writing.result()
        rows.stage(outbox.rows)
        writing = writer.submit(make_durable, outbox)
    if writing is not None:
        writing.result()
    consumer.close()


if __name__ == "__main__":
    main()
