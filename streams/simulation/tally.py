"""What simulated shoppers have done and got so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Tally:
    """Counts of one population.

    Attributes:
        visits: Visits and searches sent.
        searches: Of them, searches.
        lists: Lists of our users that came, each once.
        answered: Lists that were looked at: one a visit at most.
        late: Visits whose list did not come in time; the user left without one.
        too_late: Lists of such visits that came after all; nobody looked.
        not_awaited: Lists that answer other events of ours (a click, a cart, a purchase).
        duplicates: Lists that came twice.
        unknown_items: Items of lists that the shop does not have.
        impressions, clicks, carts, purchases: Events sent.
        left: Users who will not come back.
        rewards: Of each list that was looked at.
        expected: Of each such list, the true mean of its reward.
        waits_ms: From a visit's send to its list.
    """

    visits: int = 0
    searches: int = 0
    lists: int = 0
    answered: int = 0
    late: int = 0
    too_late: int = 0
    not_awaited: int = 0
    duplicates: int = 0
    unknown_items: int = 0
    impressions: int = 0
    clicks: int = 0
    carts: int = 0
    purchases: int = 0
    left: int = 0
    rewards: list[float] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Records sent."""
        return self.visits + self.impressions + self.clicks + self.carts + self.purchases

    def summary(self) -> dict[str, float | int | bool | None]:
        """As one flat object of plain numbers, marked as simulated."""
        counts = {
            name: getattr(self, name)
            for name in (
                "visits",
                "searches",
                "lists",
                "answered",
                "late",
                "too_late",
                "not_awaited",
                "duplicates",
                "unknown_items",
                "impressions",
                "clicks",
                "carts",
                "purchases",
                "left",
                "events",
            )
        }
        waits = np.percentile(self.waits_ms, [50, 95, 99]) if self.waits_ms else [None] * 3
        return {
            "simulated": True,
            **counts,
            "reward": _mean(self.rewards),
            "expected_reward": _mean(self.expected),
            **{
                f"p{name}_ms": None if wait is None else round(float(wait), 1)
                for name, wait in zip((50, 95, 99), waits, strict=True)
            },
        }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
