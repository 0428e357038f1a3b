"""shop-counts topic -> what the whole shop counts, in every worker.  All partitions."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from scoring.shop_counts import ShopCounts
from streams.connection import PartitionReader
from streams.errors import BrokerUnavailableError, RejectedError
from streams.kafka_config import consumer_config
from streams.metrics import StepMetrics
from streams.parts import BetweenBatches
from streams.settings import Settings
from streams.shop_count_record import decode_shop_count
from streams.topic_facts import topic_facts

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.5
"""Of an item that changes often, one record in this time is enough."""

SLOT_S: Final = 0.002
"""How long counts may hold up the next batch."""

_AT_ONCE: Final = 1_000
_LOOK_EVERY: Final = 32
_CLOSE_S: Final = 5.0

Newest = dict[bytes, bytes | None]
"""Key of a record -> its newest value, not decoded yet."""


class CountReader(Protocol):
    """Where records are read; `ShopCountReader` is one."""

    def read(self, at_most: int, wait_s: float) -> Newest:
        """The newest of what has come in; waits for the first at most so long."""

    def close(self) -> None:
        """Leave the broker."""


class ShopCountReader:
    """Reads every partition from its beginning; commits nothing, sees committed records only."""

    def __init__(self, settings: Settings) -> None:
        """Take the positions.

        Raises:
            BrokerUnavailableError: No broker answers.
            TopicMismatchError: There is no such topic.
        """
        self._topic = settings.topic("shop_counts")
        self._bootstrap = settings.bootstrap_servers
        n_partitions = topic_facts(settings, self._topic).n_partitions
        self._reader = PartitionReader(
            consumer_config(
                settings,
                f"{settings.app_id}-shop-counts",  # the client wants a name; none is joined
                **{"enable.partition.eof": True},
            ),
            [TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in range(n_partitions)],
        )
        self._unfinished = set(range(n_partitions))

    def catch_up(self, *, timeout_s: float) -> Newest:
        """The newest of all that is there, up to each partition's end.

        Raises:
            BrokerUnavailableError: Nothing arrived for `timeout_s`.
        """
        newest, heard = Newest(), time.monotonic()
        while self._unfinished:
            found = self.read(_AT_ONCE, 0.2)
            newest |= found
            if found:
                heard = time.monotonic()
            elif time.monotonic() - heard > timeout_s:
                raise BrokerUnavailableError(
                    f"{self._topic} at {self._bootstrap} was silent for {timeout_s:.0f} s"
                )
        return newest

    def read(self, at_most: int, wait_s: float) -> Newest:
        """See `CountReader.read`."""
        newest = Newest()
        for message in self._reader.consume(at_most, wait_s):
            error = message.error()
            if error is None:
                newest[message.key() or b""] = message.value()
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
                self._unfinished.discard(message.partition() or 0)
            else:
                log.warning("shop counts interrupted", topic=self._topic, error=error.str())
        return newest

    def close(self) -> None:
        """See `CountReader.close`."""
        self._reader.close()


def take(shop: ShopCounts, value: bytes | None, metrics: StepMetrics) -> None:
    """Put one record in: all that its partition has counted of the item.

    One that cannot be used is logged, counted and passed over. It gets no dead letter: every worker
    would send one.
    """
    try:
        record = decode_shop_count(value)
    except RejectedError as rejected:
        metrics.shop_counts_unreadable.inc()
        log.warning("unreadable shop count", reason=rejected.reason)
    else:
        shop.put(record.source, record.item_id, record.counts)


@dataclass(frozen=True, slots=True)
class CountsFollowed:
    """Counts of the whole shop, and where they go on being read."""

    shop: ShopCounts
    reader: CountReader

    @classmethod
    def open(cls, settings: Settings, metrics: StepMetrics) -> CountsFollowed:
        """All that is on the topic now.

        Raises:
            BrokerUnavailableError: It could not be read.
            TopicMismatchError: There is no such topic.
        """
        begun, shop, reader = time.monotonic(), ShopCounts(), ShopCountReader(settings)
        try:
            newest = reader.catch_up(timeout_s=settings.session_timeout_s + 60)
        except BaseException:
            reader.close()
            raise
        for value in newest.values():
            take(shop, value, metrics)
        log.info(
            "shop counts read",
            items=len(shop.item_ids),
            records=len(newest),
            seconds=round(time.monotonic() - begun, 2),
        )
        return cls(shop, reader)


class ShopFollower(threading.Thread):
    """Keeps the counts current: reads here, puts in between two batches.

    Nothing of it is durable. A record holds all that a partition has counted of an item, so one
    that is read again changes nothing, and only the newest of each has to be put in.
    """

    def __init__(
        self,
        counts: CountsFollowed,
        between_batches: BetweenBatches,
        metrics: StepMetrics,
    ) -> None:
        """Say what to follow.

        Args:
            counts: From now on they belong to the thread of the lane.
            between_batches: Of the lane.
            metrics: Counts what cannot be used.
        """
        super().__init__(name="shop-counts", daemon=True)
        self._reader = counts.reader
        self._shop = counts.shop
        self._between_batches = between_batches
        self._metrics = metrics
        self._waiting: list[bytes | None] = []
        self._idle = threading.Event()  # what was handed over is in
        self._idle.set()
        self._done = threading.Event()

    def run(self) -> None:
        """Follow until closed."""
        gathered, next_s = Newest(), 0.0
        while not self._done.is_set():
            try:
                gathered |= self._reader.read(_AT_ONCE, 0.1)
            except Exception:  # without this thread the counts would stand still
                log.exception("shop counts could not be read, trying again")
                self._done.wait(1.0)
            if gathered and self._idle.is_set() and time.monotonic() >= next_s:
                self._waiting, gathered = list(gathered.values()), Newest()
                next_s = time.monotonic() + GATHER_S
                self._idle.clear()
                self._between_batches(self._take_some)
        self._reader.close()

    def close(self) -> None:
        """Stop reading; waits for the end, but not for ever."""
        self._done.set()
        if self.is_alive():
            self.join(_CLOSE_S)

    def _take_some(self) -> None:
        """A bounded amount of what waits; in the compute thread."""
        deadline = time.monotonic() + SLOT_S
        while self._waiting and time.monotonic() < deadline:
            for _ in range(min(_LOOK_EVERY, len(self._waiting))):
                value = self._waiting.pop()
                try:
                    take(self._shop, value, self._metrics)
                except Exception:  # or nothing would be put in after it
                    self._metrics.shop_counts_unreadable.inc()
                    log.exception("shop count could not be put in")
        if self._waiting and not self._done.is_set():
            self._between_batches(self._take_some)
        else:
            self._idle.set()
