"""Records -> topics: a log replayed at its own pace, ten times as fast, or all at once."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

import msgspec

from streams.errors import BadFileError, BrokerUnavailableError, SettingsError
from streams.events import Click, Impression, Search
from streams.files import BadRow, Input
from streams.items import Item, ItemDeleted
from streams.kafka_config import producer_config
from streams.records import Record, encode
from streams.refusal import Complaints, unanswered
from streams.settings import Settings, TopicKind

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

TOPIC_OF: Final[dict[type[Record], TopicKind]] = {
    Click: "clicks",
    Search: "searches",
    Item: "items",
    ItemDeleted: "items",
    Impression: "impressions",
}
PROGRESS_EVERY_S: Final = 0.2
DELIVERY_TIMEOUT_S: Final = 30.0
FAREWELL_S: Final = 3.0
"""For what is queued, where something else has ended the publishing."""
LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is.

    Attributes:
        sent: Records handed to the producer, by topic.
        rejected: Bad rows left out.
        elapsed_s: Since the start.
        at_ms: Event time of the last record, none before the first.
        behind_s: How late the last record left, against the pace asked for.
    """

    sent: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    elapsed_s: float = 0.0
    at_ms: int | None = None
    behind_s: float = 0.0


class Publisher:
    """Sends records under their key, batched by librdkafka; at least once, idempotent.

    Leaving the `with` block waits until the broker has acknowledged all of them, but only a moment
    where an error or Ctrl-C leaves it.
    """

    def __init__(self, settings: Settings) -> None:
        from confluent_kafka import Producer

        self._complaints = Complaints()
        config = producer_config(
            settings,
            **{
                "error_cb": self._complaints,
                "message.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
                "queue.buffering.max.messages": 100_000,
            },
        )
        self._producer = Producer(config)
        self._bootstrap = settings.bootstrap_servers
        self._topics = {kind: settings.topic(name) for kind, name in TOPIC_OF.items()}
        self._failure: KafkaError | None = None
        self.sent: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.flush()
        elif not isinstance(error, BrokerUnavailableError):
            with contextlib.suppress(BrokerUnavailableError):  # what ended it says more
                self.flush(FAREWELL_S)

    def check(self, timeout_s: float = 10.0) -> None:
        """Find out now whether a broker is there, and not after a queue full of records.

        Asked twice, for the sake of the first record. librdkafka wants a producer id before it
        sends anything: it asks for one whenever a list of topics arrives over a connection that is
        up, otherwise every 500 ms. The first list comes over the connection to the bootstrap
        address, which is given up at that very moment; the second comes from a broker.

        Raises:
            BrokerUnavailableError: None answers.
            RefusedError: One refuses our credentials, or we its certificate.
        """
        from confluent_kafka import KafkaException

        try:
            for _ in range(2):
                self._producer.list_topics(timeout=timeout_s)
        except KafkaException as exception:
            cause = self._complaints.cause(self._producer, exception.args[0])
            raise unanswered(self._bootstrap, cause, "nothing was published") from None

    def send(self, record: Input | ItemDeleted) -> None:
        """Queue one record; waits while the queue is full.

        Raises:
            BrokerUnavailableError: An earlier record was not acknowledged in time.
        """
        topic = self._topics[type(record)]
        key = record.item_id if isinstance(record, Item | ItemDeleted) else record.user_id
        value = None if isinstance(record, ItemDeleted) else encode(record)
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered)
                break
            except BufferError:
                self.poll(0.1)
        self.sent[topic] += 1
        self.poll(0)

    def poll(self, wait_s: float) -> None:
        """Serve acknowledgements for up to `wait_s`.

        Raises:
            BrokerUnavailableError: A record was not acknowledged in time.
        """
        self._producer.poll(wait_s)
        if self._failure is not None:
            raise self._unavailable(self._failure)

    def flush(self, wait_s: float = DELIVERY_TIMEOUT_S + 5) -> None:
        """Wait for all acknowledgements; Ctrl-C ends the waiting.

        Raises:
            BrokerUnavailableError: Some did not come.
        """
        deadline = time.monotonic() + wait_s
        while (left := self._producer.flush(LOOK_EVERY_S)) and time.monotonic() < deadline:
            pass  # where Python looks at signals
        if self._failure is not None:
            raise self._unavailable(self._failure)
        if left:
            raise BrokerUnavailableError(
                f"{left} records were not acknowledged by {self._bootstrap}; publish them again"
            )

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = error

    def _unavailable(self, error: KafkaError) -> BrokerUnavailableError:
        return BrokerUnavailableError(
            f"no acknowledgement from {self._bootstrap} ({error.str()}): start a broker with "
            "`rillstream broker`, or set RILLSTREAM_BOOTSTRAP_SERVERS"
        )


def parse_speed(text: str) -> float | None:
    """`1x` -> 1.0, `10x` -> 10.0, `max` -> none: no pace at all.

    Raises:
        SettingsError: It is neither.
    """
    if text == "max":
        return None
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e9:
        raise SettingsError(f"speed {text!r}: use 1x, 10x, 0.5x, … or max")
    return speed


def replay(
    rows: Iterable[Input | BadRow],
    publisher: Publisher,
    *,
    speed: float | None = None,
    times: Literal["kept", "now"] = "kept",
    bad_rows: Literal["skip", "stop"] = "stop",
    on_progress: Callable[[Progress], None] | None = None,
    on_bad_row: Callable[[BadRow], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Progress:
    """Send rows in their order, each when its event time is due.

    Args:
        rows: From `streams.files`, or any generator of records.
        publisher: Where to; left open.
        speed: Event seconds a second; none sends everything at once.
        times: `now` replaces every `at_ms` by the moment of sending, so that an old log counts as
            fresh interest.
        bad_rows: `stop` raises at the first, `skip` counts them.
        on_progress: Called a few times a second, and at the end.
        on_bad_row: Called for each row that is skipped.
        should_stop: Asked before every record and during waits; true ends the replay early.

    Returns:
        What was done.

    Raises:
        BadFileError: A bad row, with its file and line.
        BrokerUnavailableError: Records were not acknowledged.
    """
    pace = _Pace(speed, publisher, should_stop or (lambda: False))
    rejected = 0
    at_ms: int | None = None
    reported_s = 0.0

    def progress() -> Progress:
        return Progress(Counter(publisher.sent), rejected, pace.elapsed_s, at_ms, pace.behind_s)

    for row in rows:
        if isinstance(row, BadRow):
            if bad_rows == "stop":
                raise BadFileError(f"{row} (rows before it were sent; --skip-bad leaves such out)")
            rejected += 1
            if on_bad_row is not None:
                on_bad_row(row)
            continue
        due_ms = None if isinstance(row, Item) else row.at_ms
        if not pace.wait_for(due_ms):
            break
        at_ms = due_ms if due_ms is not None else at_ms
        if times == "now" and row.at_ms is not None:
            row = msgspec.structs.replace(row, at_ms=time.time_ns() // 1_000_000)
        publisher.send(row)
        if on_progress is not None and pace.elapsed_s - reported_s >= PROGRESS_EVERY_S:
            reported_s = pace.elapsed_s
            on_progress(progress())
    publisher.flush()
    if on_progress is not None:
        on_progress(progress())
    return progress()


class _Pace:
    """Event time on our clock: the first event is due at once, the others relative to it."""

    def __init__(
        self, speed: float | None, publisher: Publisher, should_stop: Callable[[], bool]
    ) -> None:
        self._speed = speed
        self._publisher = publisher
        self._should_stop = should_stop
        self._start_s = time.monotonic()
        self._first: tuple[int, float] | None = None  # its event time, and when it was sent
        self.behind_s = 0.0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start_s

    def wait_for(self, at_ms: int | None) -> bool:
        """Wait until the event is due; false when the replay is to end."""
        if self._speed is None or at_ms is None:
            return not self._should_stop()
        if self._first is None:
            self._first = (at_ms, time.monotonic())
        first_ms, first_s = self._first
        due_s = first_s + (at_ms - first_ms) / 1000 / self._speed
        while not self._should_stop():
            left_s = due_s - time.monotonic()
            if left_s <= 0:
                self.behind_s = -left_s
                return True
            self._publisher.poll(min(left_s, 0.1))
        return False
