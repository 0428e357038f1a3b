"""Simulated users on a broker: visits at a chosen rate, lists read, reactions sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.errors import RetryError
from streams.outputs import Recommendation
from streams.publish import Publisher
from streams.settings import Settings
from streams.simulation.users import Sent, SimulatedUsers
from streams.subscribe import Subscription

MOST_ON_THE_WAY: Final = 64
"""Visits that wait for lists at once: the embedded broker forgets what nobody reads in time."""

SILENT_S: Final = 30.0
_REPORT_EVERY_S: Final = 1.0


class NoListsError(RetryError):
    """Visits are sent, and no list comes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how long.

    Attributes:
        visits_a_second: At most; fewer while lists are slow or all users wait.
        duration_s: No more visits after so long; those on their way are still waited for.
        visits: No more visits after so many; no end when None.
    """

    visits_a_second: float
    duration_s: float
    visits: int | None = None


class Simulation:
    """One population on one broker.

    Nothing here is durable: a simulation that dies leaves users who never look at their lists, and
    the next run has users of its own. Reactions are sent at least once.

    Args:
        settings: Where.
        users: Who.
        pace: How fast and how long.
        report: Called about once a second.
        sent: Called with every record that was handed to the producer.
        clock: Seconds, never backwards.
    """

    def __init__(
        self,
        settings: Settings,
        users: SimulatedUsers,
        pace: Pace,
        *,
        report: Callable[[SimulatedUsers], None] | None = None,
        sent: Callable[[Sent], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._users = users
        self._pace = pace
        self._report = report
        self._sent = sent
        self._clock = clock
        self._stopped = False

    def stop(self) -> None:
        """Send no more visits; returns at once."""
        self._stopped = True

    def run(self) -> None:
        """Run until the pace's end and the last list, or until the users have all left.

        Raises:
            NoListsError: None came for 30 s while visits waited for theirs.
            BrokerUnavailableError: The broker went away.
        """
        self._begun_s = self._heard_s = self._reported_s = self._clock()
        with (
            Publisher(self._settings) as publisher,
            Subscription(self._settings, should_stop=lambda: self._tick(publisher)) as lists,
        ):
            try:
                for found in lists:
                    self._react(found, publisher)
            finally:
                self._users.tally.duplicates = lists.n_duplicates

    def _react(self, found: Recommendation, publisher: Publisher) -> None:
        self._heard_s = self._clock()
        for event in self._users.look(found, _now_ms()):
            self._send(event, publisher)

    def _send(self, event: Sent, publisher: Publisher) -> None:
        publisher.send(event)
        if self._sent is not None:
            self._sent(event)

    def _tick(self, publisher: Publisher) -> bool:
        """Send what is due; whether it is over. Called several times a second."""
        users, pace, now_s = self._users, self._pace, self._clock()
        users.give_up(_now_ms())
        elapsed_s = now_s - self._begun_s
        over = self._stopped or elapsed_s >= pace.duration_s
        over |= pace.visits is not None and users.tally.visits >= pace.visits
        sent_any = False
        while not over and users.n_waiting < MOST_ON_THE_WAY:
            if users.tally.visits >= elapsed_s * pace.visits_a_second:
                break
            event = users.visit(_now_ms())
            if event is None:
                break
            self._send(event, publisher)
            sent_any = True
            over = pace.visits is not None and users.tally.visits >= pace.visits
        publisher.poll(0)
        if users.n_waiting == 0:
            self._heard_s = now_s
        elif now_s - self._heard_s > SILENT_S:
            raise NoListsError(
                f"no list for {SILENT_S:g} s, {users.n_waiting} visits wait: is a worker running? "
                "Start one with `rillstream worker`, or look with `rillstream doctor`"
            )
        if self._report is not None and now_s - self._reported_s >= _REPORT_EVERY_S:
            self._reported_s = now_s
            self._report(users)
        return users.n_waiting == 0 and (over or (not sent_any and users.is_empty))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
