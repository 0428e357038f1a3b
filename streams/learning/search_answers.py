"""searches + clicks -> which item was wanted by whom after which words; a function of their set."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.events import Click, Search
from streams.learning.answers import ANSWERS

GRADES: Final = {"favorite": 2, "cart": 2, "purchase": 3}
"""How much an answer says; the other types say 1."""


class Wanted(NamedTuple):
    """One item after one search.

    Attributes:
        event_id: Of the search.
        at_ms: Of the search.
        score: Of the strongest answer: 1 looked at, 2 put in the cart or kept, 3 bought.
        simulated: The search, or an answer.
    """

    at_ms: int
    user_id: str
    event_id: str
    item_id: str
    query: str
    score: int
    simulated: bool


class _Asked(NamedTuple):
    """A search, in the order of a user's searches."""

    at_ms: int
    event_id: str
    query: str
    simulated: bool


@dataclass(slots=True)
class _User:
    searches: list[_Asked]
    by_id: dict[str, _Asked]


class SearchAnswers:
    """All searches first, then clicks, each kind in any order; repeated records change nothing.

    A click answers the search whose list it names; where it names none, the latest search of its
    user, so that what a shop's own pages of results have shown counts, too. One that names another
    list answers no search, nor does one that comes later than the window.

    Counts: `searches`; `unasked` clicks that answer none; `duplicates` of searches.
    """

    def __init__(self, window_ms: int) -> None:
        """Begin empty.

        Args:
            window_ms: From a search to its last answer.
        """
        self._window_ms = window_ms
        self._users: dict[str, _User] = {}
        self._lists: dict[str, tuple[str, str]] = {}
        self._wanted: dict[tuple[str, str, str], Wanted] = {}
        self.counts: Counter[str] = Counter()

    def search(self, search: Search, recommendation_id: str) -> None:
        """Take a search; of those with one id the earliest counts.

        Args:
            search: What was typed.
            recommendation_id: Of the list that answers this very record.
        """
        user = self._users.setdefault(search.user_id, _User([], {}))
        asked = _Asked(search.at_ms, search.event_id, search.query, search.simulated)
        self._lists[recommendation_id] = (search.user_id, search.event_id)
        known = user.by_id.get(search.event_id)
        if known is not None:
            self.counts["duplicates"] += 1
            if known <= asked:
                return
            user.searches.remove(known)
        else:
            self.counts["searches"] += 1
        user.by_id[search.event_id] = asked
        insort(user.searches, asked)

    def click(self, click: Click) -> None:
        """Take a click."""
        if click.type not in ANSWERS or click.item_id is None:
            return
        asked = self._asked(click)
        if asked is None or not 0 <= click.at_ms - asked.at_ms <= self._window_ms:
            self.counts["unasked"] += 1
            return
        name = (click.user_id, asked.event_id, click.item_id)
        before = self._wanted.get(name)
        self._wanted[name] = Wanted(
            asked.at_ms,
            click.user_id,
            asked.event_id,
            click.item_id,
            asked.query,
            max(GRADES.get(click.type, 1), 0 if before is None else before.score),
            asked.simulated or click.simulated or (before is not None and before.simulated),
        )

    def wanted(self) -> Iterator[Wanted]:
        """In the order of searches."""
        yield from sorted(self._wanted.values())

    def _asked(self, click: Click) -> _Asked | None:
        user = self._users.get(click.user_id)
        if user is None:
            return None
        if click.recommendation_id is not None:
            owner, event_id = self._lists.get(click.recommendation_id, ("", ""))
            return user.by_id.get(event_id) if owner == click.user_id else None
        place = bisect_right(user.searches, click.at_ms, key=lambda each: each.at_ms)
        return user.searches[place - 1] if place else None
