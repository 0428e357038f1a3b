"""Which clicks answer a list: by its id, or by user and item where the click names none."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.events import Click

ANSWERS: Final = frozenset(("view", "click", "cart", "purchase", "favorite", "share"))
"""Types that say that the item was wanted; each of them means that it was chosen in its list."""


MOST_TIMES: Final = 64
"""Impressions of an item in one list that are kept, the first ones: a page that reports each
movement of the mouse has thousands, and each would be copied with each."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What impressions say of a list.

    Attributes:
        items: Item -> when it was shown, in order; `MOST_TIMES` at most.
    """

    recommendation_id: str
    user_id: str
    items: dict[str, tuple[int, ...]]

    @property
    def at_ms(self) -> int:
        """Of the first impression."""
        return min(times[0] for times in self.items.values())

    def also(self, items: Iterable[str], at_ms: int) -> Shown:
        """With one more impression."""
        found = dict(self.items)
        for item in items:
            times = found.get(item, ())
            if at_ms not in times:
                found[item] = tuple(sorted((*times, at_ms))[:MOST_TIMES])
        return Shown(self.recommendation_id, self.user_id, found)

    def parted(self, until_ms: int) -> tuple[Shown, Shown | None]:
        """What was shown up to a moment, and what later, if anything."""
        early: dict[str, tuple[int, ...]] = {}
        late: dict[str, tuple[int, ...]] = {}
        for item, times in self.items.items():
            n_early = bisect_right(times, until_ms)
            if n_early:
                early[item] = times[:n_early]
            if n_early < len(times):
                late[item] = times[n_early:]
        first = Shown(self.recommendation_id, self.user_id, early)
        return first, Shown(self.recommendation_id, self.user_id, late) if late else None


@dataclass(slots=True)
class Answer:
    """What was done with one item of a list."""

    carted: bool = False
    purchased: bool = False
    dwell_ms: int = 0
    value: float = 0.0
    first_ms: int | None = None

    def add(self, click: Click) -> None:
        """One more; in the order of time, so that sums of floats are the same each time."""
        self.carted |= click.type == "cart"
        self.purchased |= click.type == "purchase"
        self.dwell_ms += click.dwell_ms or 0
        if click.type == "purchase":
            self.value += (click.price or 0.0) * (click.quantity or 1)
        if self.first_ms is None:
            self.first_ms = click.at_ms


@dataclass(slots=True)
class Found:
    """The answers of one list.

    Attributes:
        by_item: Item -> what was done with it.
        used: Event ids of clicks that count.
        n_early: That name the list and happened before its decision.
        n_unseen: That name the list and an item that nobody was shown.
    """

    by_item: dict[str, Answer] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    n_early: int = 0
    n_unseen: int = 0


def answers_to(
    shown: Shown,
    decided_ms: int,
    until_ms: int,
    clicks: Iterable[Click],
    showed_last: Callable[[str, int], str | None],
) -> Found:
    """What a user did with what was shown.

    A click that names no list answers the one that showed its item last before the click.

    Args:
        shown: The list.
        decided_ms: Nothing answers it before.
        until_ms: Nor after.
        clicks: Of the user, in any order: all, or those that may answer it, without those that
            have answered another.
        showed_last: An item and a moment -> of all lists that the user was shown and that are not
            closed yet, the one that first showed it last up to then (of equals, the last by id).
    """
    found = Found()
    for click in sorted(clicks, key=lambda each: (each.at_ms, each.event_id)):
        item = click.item_id or ""
        named = click.recommendation_id == shown.recommendation_id
        if click.at_ms < decided_ms:
            found.n_early += named
        elif click.at_ms > until_ms:
            continue
        elif named and item not in shown.items:
            found.n_unseen += 1
        elif named or (
            click.recommendation_id is None
            and item in shown.items
            and showed_last(item, click.at_ms) == shown.recommendation_id
        ):
            found.by_item.setdefault(item, Answer()).add(click)
            found.used.append(click.event_id)
    return found
