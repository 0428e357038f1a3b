"""Visits, lists and reactions of simulated users, without a broker: records out, lists in."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from scoring.simulation import Reactions
from scoring.simulation.chance import Purpose
from scoring.simulation.population import Population
from streams.events import Click, Impression, Search
from streams.outputs import Recommendation
from streams.simulation.shop import SimulatedShop
from streams.simulation.tally import Tally

Sent = Click | Search | Impression

STRANGERS_FOR_EACH: Final = 20
"""So many newcomers wait for each user who leaves, then the shop empties."""

_KINDS: Final[tuple[Literal["click", "cart", "purchase"], ...]] = ("click", "cart", "purchase")


@dataclass(frozen=True, slots=True)
class _Visit:
    user: int
    session: str
    sent_ms: int


class SimulatedUsers:
    """Users of one population who visit, wait for their list, react, and come back or do not.

    Their days are the population's own: who is due next comes next, as fast as `visit` is called.
    Who leaves is followed by a stranger. Each visit is a `visit` event, or a search.

    Args:
        population: Choice model, over the wares of `shop`.
        shop: What is sold.
        n_users: How many come and go at a time.
        seed: Of the population.
        run: Name of the run: part of all ids, so that two runs on one broker do not meet.
        search_share: Visits that begin with a search.
        patience_ms: After so long without a list a user leaves without one.
        told: Called with each list that was looked at, the reactions, and their true mean reward.
    """

    def __init__(
        self,
        population: Population,
        shop: SimulatedShop,
        *,
        n_users: int,
        seed: int,
        run: str,
        search_share: float = 0.2,
        patience_ms: int = 10_000,
        told: Callable[[Recommendation, Reactions, float], None] | None = None,
    ) -> None:
        self.tally = Tally()
        self._population = population
        self._shop = shop
        self._run = run
        self._search_share = search_share
        self._patience_ms = patience_ms
        self._told = told
        population.reset(n_users * STRANGERS_FOR_EACH, seed)
        rng = np.random.default_rng([seed, n_users])
        spread = population.habits.gap_median_days
        self._due = [(day, user) for user, day in enumerate(rng.uniform(0, spread, n_users))]
        heapq.heapify(self._due)
        self._next_stranger = n_users
        self._n_visits = np.zeros(n_users * STRANGERS_FOR_EACH, np.int64)
        self._day = 0.0
        self._waiting: dict[str, _Visit] = {}
        self._gone: dict[str, None] = {}

    @property
    def n_waiting(self) -> int:
        """Visits whose list has not come."""
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """All have left, and nobody waits to come."""
        return not self._due and not self._waiting

    @property
    def day(self) -> float:
        """Simulated days since the start."""
        return self._day

    def user_id(self, user: int) -> str:
        """Name of a user on the wire."""
        return f"sim-{self._run}-{user}"

    def visit(self, now_ms: int) -> Sent | None:
        """The event with which the next user comes; None while all wait for lists, or have left."""
        if not self._due:
            return None
        self._day, user = heapq.heappop(self._due)
        one = np.array([user])
        session = f"{self.user_id(user)}-{self._n_visits[user]}"
        self._n_visits[user] += 1
        event_id = f"{session}-0"
        self._waiting[event_id] = _Visit(user, session, now_ms)
        self.tally.visits += 1
        chance = self._population.chance(one, Purpose.SEARCHED, 1)[0, 0]
        if chance >= self._search_share:
            return Click(
                event_id=event_id,
                user_id=self.user_id(user),
                type="visit",
                at_ms=now_ms,
                session_id=session,
                simulated=True,
            )
        self.tally.searches += 1
        wished = int(self._population.wished(one)[0])
        luck = float(self._population.chance(one, Purpose.WORDED, 1)[0, 0])
        return Search(
            event_id=event_id,
            user_id=self.user_id(user),
            type="search",
            query=self._shop.query(wished, luck),
            at_ms=now_ms,
            session_id=session,
            simulated=True,
        )

    def look(self, found: Recommendation, now_ms: int) -> list[Sent]:
        """What a user does with a list: impression, clicks, carts, purchases, in this order.

        Nothing where the list is not ours, or answers no visit that still waits.
        """
        if not found.user_id.startswith(f"sim-{self._run}-"):
            return []
        self.tally.lists += 1
        visit = self._waiting.pop(found.trigger.event_id, None)
        if visit is None:
            late = self._gone.pop(found.trigger.event_id, 0) is None
            self.tally.too_late += late
            self.tally.not_awaited += not late
            return []
        self.tally.answered += 1
        self.tally.waits_ms.append(now_ms - visit.sent_ms)
        places = [self._shop.place(item.item_id) for item in found.items]
        self.tally.unknown_items += places.count(-1)
        one, slates = np.array([visit.user]), np.array([places], np.int64).reshape(1, -1)
        expected = float(self._population.expected_reward(slates, one)[0])
        self.tally.expected.append(expected)
        reactions = self._population.react(slates, one)
        self.tally.rewards.append(float(reactions.reward[0]))
        self._schedule(visit.user, bool(reactions.left[0]), float(reactions.days[0]))
        if self._told is not None:
            self._told(found, reactions, expected)
        return self._events(found, visit, places, reactions, now_ms)

    def give_up(self, now_ms: int) -> None:
        """Let those leave who have waited too long; they come again after an ordinary pause."""
        for event_id in list(self._waiting):  # oldest first
            visit = self._waiting[event_id]
            if now_ms - visit.sent_ms <= self._patience_ms:
                return
            del self._waiting[event_id]
            self._gone[event_id] = None
            self.tally.late += 1
            self._schedule(visit.user, False, self._population.habits.gap_median_days)

    def _schedule(self, user: int, left: bool, days: float) -> None:
        self.tally.left += left
        if not left:
            heapq.heappush(self._due, (self._day + days, user))
        elif self._next_stranger < len(self._n_visits):
            heapq.heappush(self._due, (self._day, self._next_stranger))
            self._next_stranger += 1

    def _events(
        self,
        found: Recommendation,
        visit: _Visit,
        places: list[int],
        reactions: Reactions,
        now_ms: int,
    ) -> list[Sent]:
        if not found.items:
            return []
        events: list[Sent] = [
            Impression(
                recommendation_id=found.recommendation_id,
                user_id=found.user_id,
                at_ms=now_ms,
                item_ids=tuple(item.item_id for item in found.items),
                simulated=True,
            )
        ]
        self.tally.impressions += 1
        for place, item, clicked, carted, bought, dwell_s in zip(
            places,
            found.items,
            reactions.clicks[0],
            reactions.carts[0],
            reactions.purchases[0],
            reactions.dwell_s[0],
            strict=True,
        ):
            for kind, did in zip(_KINDS, (clicked, carted, bought), strict=True):
                if not did:
                    continue
                n = len(events)
                events.append(
                    Click(
                        event_id=f"{visit.session}-{n}",
                        user_id=found.user_id,
                        type=kind,
                        item_id=item.item_id,
                        at_ms=now_ms + n,
                        dwell_ms=round(dwell_s * 1000) if kind == "click" else None,
                        quantity=1 if kind == "purchase" else None,
                        price=self._shop.price(place) if kind == "purchase" else None,
                        session_id=visit.session,
                        recommendation_id=found.recommendation_id,
                        position=item.rank,
                        simulated=True,
                    )
                )
            self.tally.clicks += bool(clicked)
            self.tally.carts += bool(carted)
            self.tally.purchases += bool(bought)
        return events
