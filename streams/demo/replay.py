"""Sample shop -> its topics, in time order, at a chosen speed, held back by the backlog."""

import itertools
import threading
import time
from collections.abc import Iterable
from typing import Self

from streams.demo.ledger import Event, Ledger
from streams.demo.shop import sample_stream
from streams.publish import Publisher
from streams.settings import Settings

# A shop sleeps at night; whoever watches the demo should not have to.
LONGEST_PAUSE_S = 1.5


class Replay(threading.Thread):
    """Sends events until they end, `limit` of them are sent, or the `with` block is left.

    Args:
        settings: Where to.
        ledger: Notes each event, and says when there is room for another.
        speed: Seconds of the shop's time that pass in one of ours; infinity for no pauses at all.
        limit: How many to send; all when None.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, *, speed: float, limit: int | None
    ) -> None:
        super().__init__(name="replay", daemon=True)
        self._settings = settings
        self._ledger = ledger
        self._speed = speed
        self._limit = limit
        self._begun = threading.Event()
        self._stopped = threading.Event()
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more; returns when what was sent is acknowledged."""
        self._stopped.set()
        self._begun.set()
        self.join()

    def begin(self) -> None:
        """Send from now on; until then it only gets the events ready, which takes seconds."""
        self._begun.set()

    def run(self) -> None:
        """Send, and keep an error for whoever asks."""
        try:
            events = itertools.islice(sample_stream(), self._limit)
            self._begun.wait()
            with Publisher(self._settings) as publisher:
                self._replay(events, publisher)
        except Exception as error:
            self._failure = error

    def raise_failure(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._failure is not None:
            raise self._failure

    def _replay(self, events: Iterable[Event], publisher: Publisher) -> None:
        due_s, previous_ms = time.monotonic(), None
        for event in events:
            if self._stopped.is_set():
                return
            if previous_ms is not None:
                pause_s = (event.at_ms - previous_ms) / 1000 / self._speed
                due_s += min(pause_s, LONGEST_PAUSE_S)
            previous_ms = event.at_ms
            while (left_s := due_s - time.monotonic()) > 0:
                publisher.poll(0)
                if self._stopped.wait(min(left_s, 0.1)):
                    return
            while not self._ledger.wait_for_room(0.2):
                publisher.poll(0)
                due_s = time.monotonic()  # the time spent waiting is not made up for
                if self._stopped.is_set():
                    return
            self._ledger.sent(event)
            publisher.send(event)
