"""The lists that one user was shown, by item and time: an id that thousands share has thousands."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from streams.learning.answers import Shown

_Place = tuple[int, str]
"""When a list first showed an item, and the list's id: the order of what was shown last."""


class UserLists:
    """By id; and for each item the lists that show it, in the order in which they first did."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lists: dict[str, Shown] = {}
        self._of_item: dict[str, list[_Place]] = {}

    def __len__(self) -> int:
        """Number of lists."""
        return len(self._lists)

    def __contains__(self, recommendation_id: str) -> bool:
        """Whether the list of that id is here."""
        return recommendation_id in self._lists

    def get(self, recommendation_id: str) -> Shown | None:
        """The list of that id."""
        return self._lists.get(recommendation_id)

    def put(self, shown: Shown) -> None:
        """Keep one, in place of that of its id."""
        self.drop(shown.recommendation_id)
        self._lists[shown.recommendation_id] = shown
        for item, times in shown.items.items():
            insort(self._of_item.setdefault(item, []), (times[0], shown.recommendation_id))

    def drop(self, recommendation_id: str) -> None:
        """Keep it no longer, if it was there."""
        shown = self._lists.pop(recommendation_id, None)
        if shown is None:
            return
        for item, times in shown.items.items():
            places = self._of_item[item]
            del places[bisect_left(places, (times[0], recommendation_id))]
            if not places:
                del self._of_item[item]

    def showed_last(self, item: str, until_ms: int) -> str | None:
        """The list that first showed the item last up to a moment; of equals, the last by id."""
        places = self._of_item.get(item, [])
        n_before = bisect_right(places, until_ms, key=lambda place: place[0])
        return places[n_before - 1][1] if n_before else None
