"""What the whole shop's counts say of an item: how much, how lately, how often again it is sold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.item_counts import BOUGHT_DAYS, DAY_MS, LOOKED_DAYS, NEVER
from scoring.shop_columns import ShopColumns

_MOST_IDLE_DAYS: Final = 200.0
_TWO_WEEKS: Final = BOUGHT_DAYS.index(14.0)

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

REGION_FEATURES: Final = ("sold_region", "sold_newcomers")
"""What is sold in the user's region, and what its newcomers buy; half-life 14 days."""


def region_features(
    columns: ShopColumns,
    regions: Sequence[str | None],
    owners: NDArray[np.int64],
    positions: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(len(REGION_FEATURES), M) of each candidate, and (B,) the region's share of the sales.

    Args:
        columns: Of the shop.
        regions: B regions; None = not known, which sells nothing, though it has newcomers.
        owners: (M,) user of each candidate, ascending.
        positions: (M,).
    """
    found = np.zeros((len(REGION_FEATURES), len(positions)), np.float32)
    shares = np.zeros(len(regions), np.float32)
    sold = float(columns.bought[_TWO_WEEKS].sum())
    codes = {region: code for code, region in enumerate(dict.fromkeys(regions))}
    region_of_user = np.array([codes[region] for region in regions])
    for region, code in codes.items():
        users = region_of_user == code
        rows = np.flatnonzero(users[owners])
        if region is not None and region in columns.by_region:
            of_region = columns.by_region[region]
            found[0, rows] = np.log1p(of_region[positions[rows]])
            shares[users] = float(of_region.sum()) / max(sold, 1.0)
        if (region or "") in columns.newcomers:
            found[1, rows] = np.log1p(columns.newcomers[region or ""][positions[rows]])
    return found, shares


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
