"""What was sent and what came back: matches each list with its event, and keeps the latencies."""

import threading
import time
from dataclasses import dataclass

from streams.events import Click, Search
from streams.outputs import Recommendation

Event = Click | Search


@dataclass(frozen=True, slots=True)
class Arrival:
    """A list, the event that it answers, and how long that took."""

    event: Event
    recommendation: Recommendation
    latency_ms: float


class Ledger:
    """Shared by the thread that sends and the one that receives.

    Args:
        limit: Most events on their way at once. The embedded broker keeps only the newest 5 MB of a
            partition, so a sender that runs ahead would lose what nobody has read yet.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._on_the_way: dict[str, tuple[float, Event]] = {}
        self._latencies_ms: list[float] = []
        self.n_clicks = 0
        self.n_searches = 0
        self.n_duplicates = 0

    @property
    def n_sent(self) -> int:
        """Events handed to the producer."""
        return self.n_clicks + self.n_searches

    @property
    def n_received(self) -> int:
        """Lists that answered an event for the first time."""
        return len(self._latencies_ms)

    @property
    def n_waiting(self) -> int:
        """Events whose list has not arrived."""
        return len(self._on_the_way)

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until another event may be sent; False when none may after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._on_the_way) < self._limit, timeout_s)

    def sent(self, event: Event) -> None:
        """Note an event at the moment it is handed to the producer."""
        with self._changed:
            self._on_the_way[event.event_id] = (time.perf_counter(), event)
            if isinstance(event, Search):
                self.n_searches += 1
            else:
                self.n_clicks += 1

    def received(self, recommendation: Recommendation) -> Arrival | None:
        """Match a list with its event; None for one that has been answered before."""
        now = time.perf_counter()
        with self._changed:
            found = self._on_the_way.pop(recommendation.trigger.event_id, None)
            if found is None:
                self.n_duplicates += 1
                return None
            begun, event = found
            latency_ms = (now - begun) * 1000
            self._latencies_ms.append(latency_ms)
            self._changed.notify()
        return Arrival(event, recommendation, latency_ms)

    def percentiles_ms(self) -> tuple[float, float, float] | None:
        """Return p50, p95 and p99 from send to receipt, by nearest rank; None without lists."""
        ordered = sorted(self._latencies_ms)
        if not ordered:
            return None
        p50, p95, p99 = (ordered[-(-len(ordered) * p // 100) - 1] for p in (50, 95, 99))
        return p50, p95, p99
