"""Shop log -> clicks and searches topics, in time order, at a chosen speed, within the backlog."""

import itertools
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Producer

from streams.demo.ledger import Event, Ledger
from streams.records import Search, encode

# A shop sleeps at night; whoever watches the demo should not have to.
LONGEST_PAUSE_S = 1.5


class Replay(threading.Thread):
    """Sends events until they end, `limit` of them are sent, or `stop` is called.

    Args:
        config: Producer configuration.
        topics: Where clicks and searches go.
        events: In time order.
        ledger: Notes each event, and says when there is room for another.
        speed: Seconds of the shop's time that pass in one of ours; infinity for no pauses at all.
        limit: How many to send; all when None.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        topics: tuple[str, str],
        events: Iterable[Event],
        ledger: Ledger,
        *,
        speed: float,
        limit: int | None,
    ) -> None:
        super().__init__(name="replay", daemon=True)
        self._producer = Producer(dict(config))
        self._clicks, self._searches = topics
        self._events = itertools.islice(events, limit)
        self._ledger = ledger
        self._speed = speed
        self._stopped = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Send, and keep an error for whoever asks."""
        try:
            self._replay()
        except Exception as error:
            self._failure = error

    def stop(self) -> None:
        """Send no more, and hand over what is on its way."""
        self._stopped.set()
        if self.ident is not None:
            self.join(10)
        self._producer.flush(5)

    def raise_failure(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._failure is not None:
            raise self._failure

    def _replay(self) -> None:
        due_s, previous_ms = time.monotonic(), None
        for event in self._events:
            if previous_ms is not None:
                pause_s = (event.at_ms - previous_ms) / 1000 / self._speed
                due_s += min(pause_s, LONGEST_PAUSE_S)
            previous_ms = event.at_ms
            if self._stopped.wait(max(0.0, due_s - time.monotonic())):
                return
            while not self._ledger.wait_for_room(0.2):
                due_s = time.monotonic()  # the time spent waiting is not made up for
                if self._stopped.is_set():
                    return
            self._send(event)
        self._producer.flush(10)

    def _send(self, event: Event) -> None:
        self._ledger.sent(event)
        self._producer.produce(
            self._searches if isinstance(event, Search) else self._clicks,
            encode(event),
            key=event.user_id.encode(),
        )
        self._producer.poll(0)
