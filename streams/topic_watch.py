"""Whether the topics of a running worker are still those that it began with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog

from streams.errors import RetryError, TopicMismatchError
from streams.live.follower import Follower
from streams.settings import Settings
from streams.topic_facts import TopicShape, topic_shapes

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 10.0


class TopicWatch(Follower):
    """Ends a worker whose topics have become others, before they make its rows wrong.

    With more partitions a user's events are in another partition than the user's row, and what is
    written to a new one is read by nobody. A topic that was made anew counts its offsets from 0,
    and rows would take its events for those of the old one. A topic that the broker does not know
    is only said: a broker that is just coming back may know none.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Collection[str],
        changed: Callable[[TopicMismatchError], object],
    ) -> None:
        """Say what to watch.

        Args:
            settings: Where the broker is, and how many partitions there are to be.
            topics: Those with the worker's partitions: sources and changelog.
            changed: Told once, in this thread.
        """
        super().__init__("topics", close_s=0.0)
        self._settings = settings
        self._topics = topics
        self._changed = changed
        self._ids: dict[str, str] = {}

    def look(self) -> None:
        """Compare them with what they were, then wait."""
        try:
            self._compare(topic_shapes(self._settings, self._topics))
        except RetryError as error:  # a broker that is away is told of by whoever needs it
            log.debug("topics not looked at", error=str(error))
        self._done.wait(LOOK_EVERY_S)

    def _compare(self, found: Mapping[str, TopicShape]) -> None:
        if found and (unknown := sorted(set(self._topics) - found.keys())):
            log.warning("the broker does not know these topics", topics=unknown)
        wanted = self._settings.partitions
        for name, shape in found.items():
            if shape.n_partitions > wanted:
                return self._end(
                    f"topic {name} has {shape.n_partitions} partitions now, this worker reads "
                    f"{wanted}: its users are no longer where their rows are. docs/delivery.md, "
                    '"More partitions", says how to go on'
                )
            if shape.topic_id != self._ids.setdefault(name, shape.topic_id):
                return self._end(f"topic {name} was deleted and made anew: start the worker again")

    def _end(self, why: str) -> None:
        self._done.set()
        self._changed(TopicMismatchError(why))
