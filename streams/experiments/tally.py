"""Lists and events -> what is known of each user of an experiment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from scoring.experiments.results import Outcomes
from streams.events import Click
from streams.outputs import Recommendation


@dataclass(slots=True)
class Skipped:
    """What was read and not counted.

    Attributes:
        lists_outside: Of another experiment, or of users who are in no variant.
        lists_twice: Published twice, as at-least-once delivery may.
        events_twice: Sent twice.
        users_moved: Had lists of several variants, so that they tell nothing of one: the shares or
            the salt were changed on the way.
        simulated: Lists and events that a program made up; they are counted.
    """

    lists_outside: int = 0
    lists_twice: int = 0
    events_twice: int = 0
    users_moved: int = 0
    simulated: int = 0


class Tally:
    """First all lists, then all events; the order within each does not matter.

    Takes some 150 bytes a list and an event, which are known by their ids.

    Attributes:
        users: Of the experiment.
        skipped: What was not counted.
    """

    def __init__(self, experiment: str, variants: Collection[str]) -> None:
        """Nothing was read yet.

        Args:
            experiment: Its name.
            variants: Their names.
        """
        self.users: dict[str, Outcomes] = {}
        self.skipped = Skipped()
        self._experiment = experiment
        self._variants = frozenset(variants)
        self._moved: set[str] = set()
        self._owner_of: dict[str, str] = {}
        self._answered: set[str] = set()
        self._events: set[tuple[str, str]] = set()

    def take_list(self, made: Recommendation) -> None:
        """A list that was published."""
        if made.experiment != self._experiment or made.variant not in self._variants:
            self.skipped.lists_outside += 1
            return
        if made.recommendation_id in self._owner_of:
            self.skipped.lists_twice += 1
            return
        self._owner_of[made.recommendation_id] = made.user_id
        self.skipped.simulated += made.simulated
        if made.user_id in self._moved:
            return
        user = self.users.setdefault(made.user_id, Outcomes(made.variant, made.trigger.at_ms))
        if user.variant != made.variant:
            del self.users[made.user_id]
            self._moved.add(made.user_id)
            self.skipped.users_moved += 1
            return
        user.first_ms = min(user.first_ms, made.trigger.at_ms)
        user.lists += 1

    def take_event(self, click: Click) -> None:
        """Something that a user did, perhaps one of the experiment."""
        user = self.users.get(click.user_id)
        if user is None or click.at_ms <= user.first_ms:
            return
        named = click.user_id, click.event_id
        if named in self._events:
            self.skipped.events_twice += 1
            return
        self._events.add(named)
        self.skipped.simulated += click.simulated
        worth = (click.price or 0.0) * (click.quantity or 1)
        if click.type in ("view", "click"):
            user.clicks += 1
        elif click.type == "cart":
            user.carts += 1
        elif click.type == "purchase":
            user.purchases += 1
            user.revenue += worth
        elif click.type == "return":
            user.revenue -= worth
        self._answer(click, user)

    def _answer(self, click: Click, user: Outcomes) -> None:
        """A list is answered by the first event that names it, of the user whose it is."""
        named = click.recommendation_id
        if named is None or click.type in ("visit", "return") or named in self._answered:
            return
        if self._owner_of.get(named) == click.user_id:
            self._answered.add(named)
            user.answered += 1
