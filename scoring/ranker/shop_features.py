"""What the whole shop's counts say of an item: how much, how lately, how often again it is sold."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.item_counts import BOUGHT_DAYS, DAY_MS, LOOKED_DAYS, NEVER
from scoring.shop_columns import ShopColumns

_MOST_IDLE_DAYS: Final = 200.0

SHOP_FEATURES: Final = (
    *(f"sold_{days:g}d" for days in BOUGHT_DAYS),
    *(f"looked_{days:.3g}d" for days in LOOKED_DAYS),
    "rising_3d",
    "rising_14d",
    "age",
    "idle",
    "missed_sales",
    "bought_again",
)


def shop_features(columns: ShopColumns) -> NDArray[np.float32]:
    """(len(SHOP_FEATURES), N), aligned to the catalogue.

    Counts decay with half-lives of so many days; `rising` compares a short one with a long one,
    `missed_sales` is how much would have been sold while nothing was, at the pace of 14 days.
    """
    sold = dict(zip(BOUGHT_DAYS, columns.bought, strict=True))
    now_ms = columns.at_ms
    idle = np.clip((now_ms - columns.latest_ms) / DAY_MS, 0.0, _MOST_IDLE_DAYS)
    age = np.where(columns.first_ms == NEVER, 0.0, (now_ms - columns.first_ms) / DAY_MS)
    rows = [
        *np.log1p(columns.bought),
        *np.log1p(columns.looked),
        np.log((sold[3] + 0.3) / (sold[28] * 3 / 28 + 0.3)),
        np.log((sold[14] + 0.5) / (sold[90] * 14 / 90 + 0.5)),
        np.log1p(np.maximum(age, 0.0)),
        np.log1p(idle),
        np.log1p(idle * sold[14] / 14 * np.log(2)),
        columns.again / (columns.buyers + 5),
    ]
    return np.stack(rows).astype(np.float32)
