"""Long-term counts of a row: integers by week, whose sums do not depend on the order of events.

An old week leaves by event time, when a newer one appears, and an event of a week that left is
ignored. Within a week and kind (category, brand, price level) at most `MAX_NAMES` names are
counted, those with the smallest hash: a name that was pushed out can never come back, so no name
has a part of its sum.
"""

from __future__ import annotations

import math
import zlib
from typing import Final

WEEK_MS: Final = 7 * 24 * 3600 * 1000
MAX_WEEKS: Final = 26
MAX_NAMES: Final = 12
MAX_NAME_LENGTH: Final = 64
COUNT_HALF_LIFE_DAYS: Final = 30.0

EVIDENCE: Final = {
    "view": 1,
    "click": 1,
    "cart": 3,
    "purchase": 5,
    "return": -5,
    "favorite": 3,
    "share": 3,
    "review": 1,
    "rating": 1,
}
"""What one event adds to the counts. Integers, fixed with the row's format: a policy that wants
other weights finds the single events in the ring."""

Counts = dict[int, dict[str, int]]
"""Week number -> `c:<category>`, `b:<brand>` or `p:<price level>` -> sum of evidence; sorted."""


def names_of(category: str | None, brand: str | None, price: float | None) -> list[str]:
    """What an item is counted under."""
    names = []
    if category:
        names.append("c:" + category[:MAX_NAME_LENGTH])
    if brand:
        names.append("b:" + brand[:MAX_NAME_LENGTH])
    if price is not None and math.isfinite(price):
        names.append(f"p:{price_level(price)}")
    return names


def add(counts: Counts, week: int, names: list[str], evidence: int) -> Counts:
    """Counts with evidence for these names in one week; both levels stay sorted by key."""
    newest = next(reversed(counts), week)
    if week <= newest - MAX_WEEKS:
        return counts
    in_week = dict(counts.get(week, {}))
    grown = False
    for name in names:
        known = in_week.get(name)
        in_week[name] = (known or 0) + evidence
        grown = grown or known is None
    if grown:
        in_week = _keep_smallest_hashes(in_week)
    if week in counts:
        return {**counts, week: in_week}
    if week < newest:
        return dict(sorted({**counts, week: in_week}.items()))
    kept = {old: sums for old, sums in counts.items() if old > week - MAX_WEEKS}
    kept[week] = in_week
    return kept


def decayed(counts: Counts, now_ms: int, half_life_days: float) -> dict[str, float]:
    """Sums over the weeks, each halved after a half-life; from the middle of its week on.

    Sums that are not positive (more returned than bought) are left out.
    """
    sums: dict[str, float] = {}
    scale = -1.0 / (half_life_days * 24 * 3600 * 1000)
    for week, names in counts.items():
        middle_ms = week * WEEK_MS + WEEK_MS // 2
        factor = 2.0 ** (scale * max(0, now_ms - middle_ms))
        for name, count in names.items():
            sums[name] = sums.get(name, 0.0) + factor * count
    return {name: count for name, count in sums.items() if count > 0}


def price_level(price: float) -> int:
    """Doublings above one unit of the shop's currency: 0 below 1, 1 from 1, 2 from 2, 3 from 4."""
    return 0 if price < 1 else int(math.log2(price)) + 1


def _keep_smallest_hashes(sums: dict[str, int]) -> dict[str, int]:
    """At most `MAX_NAMES` names of each kind, sorted by name."""
    kept: list[str] = []
    if len(sums) > MAX_NAMES:
        for kind in ("b:", "c:", "p:"):
            names = [name for name in sums if name.startswith(kind)]
            names.sort(key=lambda name: (zlib.crc32(name.encode()), name))
            kept += names[:MAX_NAMES]
    else:
        kept = list(sums)
    return {name: sums[name] for name in sorted(kept)}
