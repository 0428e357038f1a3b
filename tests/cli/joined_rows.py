"""Lists that earned something as the rows of a joined log."""

from __future__ import annotations

from typing import Any

import numpy as np

from scoring.offpolicy.logged_lists import LoggedLists


def joined_rows(lists: LoggedLists) -> list[dict[str, Any]]:
    """A row for each item of each list, by list and rank; what was rewarded was clicked."""
    return [
        {
            "recommendation_id": lists.ids[at],
            "user_id": lists.users[at],
            "item_id": lists.items[at, rank],
            "rank": rank + 1,
            "propensity": lists.propensities[at, rank],
            "at_ms": 100,
            "examined": 1,
            "clicked": int(lists.rewards[at, rank]),
            "reward_at_ms": 200 if lists.rewards[at, rank] else None,
            "simulated": True,
        }
        for at, rank in np.ndindex(lists.items.shape)
    ]
