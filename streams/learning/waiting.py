"""Records of one kind that wait for others: by name, and the oldest of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

from streams.events import Click
from streams.learning.answers import Shown
from streams.learning.learned_users import LearnedUsers
from streams.learning.shown_list import MadeList

T = TypeVar("T", bound=MadeList | Shown | Click)

Name = tuple[str, ...]
"""Ids as they are: joined into one text, those with a blank in them could be others' too."""


class Waiting(Generic[T]):
    """So many at most."""

    def __init__(self, most: int, full: Callable[[], None], lose: Callable[[T], None]) -> None:
        """Begin with none.

        Args:
            most: That may wait.
            full: Called when there are more: may take some out.
            lose: Called with the oldest if there still are.
        """
        self._most = most
        self._full = full
        self._lose = lose
        self._records: dict[Name, tuple[int, T]] = {}
        self._oldest: list[tuple[int, Name]] = []

    def __len__(self) -> int:
        return len(self._records)

    def get(self, name: Name) -> T | None:
        """The record of that name."""
        found = self._records.get(name)
        return None if found is None else found[1]

    def put(self, name: Name, at_ms: int, record: T) -> None:
        """Keep one, in place of that of its name; makes room where there are too many."""
        known = self._records.get(name)
        self._records[name] = (at_ms, record)
        if known is None or known[0] != at_ms:
            heapq.heappush(self._oldest, (at_ms, name))
        if len(self._records) > self._most:
            self._full()
        while len(self._records) > self._most:  # one user alone may have as many
            if (oldest := self._pop()) is not None:
                self._lose(oldest)

    def drop(self, name: Name) -> None:
        """Keep it no longer."""
        self._records.pop(name, None)

    def without(self, users: LearnedUsers) -> list[T]:
        """Take out all that are of others."""
        found = [
            (name, each) for name, (_, each) in self._records.items() if each.user_id not in users
        ]
        for name, _ in found:
            del self._records[name]
        return [each for _, each in found]

    def oldest_before(self, at_ms: int) -> T | None:
        """Take out the oldest that is older, of equal ones the first by name; None = none is."""
        while self._oldest and self._oldest[0][0] < at_ms:
            if (record := self._pop()) is not None:
                return record
        return None

    def before(self, at_ms: int) -> list[T]:
        """Take out all that are older, in that order."""
        found = []
        while (record := self.oldest_before(at_ms)) is not None:
            found.append(record)
        return found

    def _pop(self) -> T | None:
        at_ms, name = heapq.heappop(self._oldest)
        known = self._records.get(name)
        if known is None or known[0] != at_ms:
            return None  # dropped since, or moved
        del self._records[name]
        return known[1]
