"""Decayed counts of a whole shop: what is bought and looked at now, item by item. No Kafka."""

from __future__ import annotations

import sys
import threading
from itertools import chain
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.item_counts import (
    BOUGHT_DAYS,
    DAY_MS,
    LOOKED,
    LOOKED_DAYS,
    NEVER,
    REGION_DAYS,
    ItemCounts,
)
from scoring.shop_columns import RegionColumns, ShopColumns

MAX_REGIONS: Final = 64
"""In the shop; purchases of regions that come after these have no region."""

_N_BOUGHT: Final = len(BOUGHT_DAYS)
_HALF_LIVES_MS: Final = DAY_MS * np.array([*BOUGHT_DAYS, *LOOKED_DAYS, REGION_DAYS])
_REGION: Final = len(_HALF_LIVES_MS) - 1
_FARTHEST: Final = 400.0
"""Half-lives from the landmark after which it moves; at 1,023 a float has no room left."""

_T = TypeVar("_T", bound=np.generic)

Floats = NDArray[np.float64]


class ShopCounts:
    """Counts by item, either observed here or put together from parts that others counted.

    Sums are kept as `sum 2 ** ((t - landmark) / half_life)` over the events at t, so that time
    alone changes nothing: an event costs a few microseconds, whatever the number of items, and
    reading multiplies with one number for each half-life (forward decay, see `ItemCounts`). Late
    events count as what is left of them. Use either `observe` or `put` for one object.

    Attributes:
        item_ids: Those of which something is known, in the order of their first event.
    """

    def __init__(self) -> None:
        self.item_ids: list[str] = []
        self._slots: dict[str, int] = {}
        self._landmark_ms = 0
        self._newest_ms = 0
        self._sums: Floats = np.zeros((0, _REGION))
        self._moments = np.zeros((0, 3), np.int64)  # first, latest purchase, price
        self._totals: Floats = np.zeros((0, 3))  # again, buyers, price
        self._regions: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
        self._parts: dict[str, dict[int, _Part]] = {}
        self._known_regions: dict[tuple[tuple[int, str], ...], tuple[tuple[int, str], ...]] = {}
        self._lock = threading.Lock()  # a new version's ranking is warmed up in a thread of its own

    def observe(
        self,
        item_id: str,
        type_: str,
        at_ms: int,
        *,
        region: str | None = None,
        newcomer: bool | None = None,
        bought_before: bool | None = None,
        price: float | None = None,
    ) -> None:
        """Count one event; see `ItemCounts.observe`, which counts the same."""
        with self._lock:
            slot = self._slot(item_id)
            weights = self._weights(at_ms)
            first, latest, priced = self._moments[slot].tolist()
            self._moments[slot, 0] = at_ms if first == NEVER else min(first, at_ms)
            if type_ in LOOKED:
                self._sums[slot, _N_BOUGHT:] += weights[_N_BOUGHT:_REGION]
            if type_ != "purchase":
                return
            self._sums[slot, :_N_BOUGHT] += weights[:_N_BOUGHT]
            self._moments[slot, 1] = max(latest, at_ms)
            if bought_before is not None:
                self._totals[slot, 0 if bought_before else 1] += 1
            if price is not None and at_ms >= priced:
                self._totals[slot, 2], self._moments[slot, 2] = price, at_ms
            if region is not None:
                self._add(0, region, slot, weights[_REGION])
            if newcomer:
                self._add(1, region or "", slot, weights[_REGION])

    def put(self, part: str, item_id: str, counts: ItemCounts) -> None:
        """Take over what one part of the shop has counted, instead of what it said before.

        Args:
            part: Name of the part; the parts of an item are added up.
            item_id: Which item.
            counts: All that the part has counted of it.
        """
        with self._lock:
            slot = self._slot(item_id)
            weights = self._weights(counts.at_ms)
            of_part = self._parts.setdefault(part, {})
            old = of_part.get(slot, _NO_PART)
            new = of_part[slot] = self._part(counts, weights)
            self._sums[slot] += new.sums[:_REGION] - old.sums[:_REGION]
            self._totals[slot, :2] += (new.again - old.again, new.buyers - old.buyers)
            for each, sign in ((new, 1.0), (old, -1.0)):
                for key, count in zip(each.regions, each.sums[_REGION:].tolist(), strict=True):
                    self._add(*key, slot, sign * count)
            first, latest, priced = self._moments[slot].tolist()
            self._moments[slot, 0] = (
                counts.first_ms if first == NEVER else min(first, counts.first_ms)
            )
            self._moments[slot, 1] = max(latest, counts.latest_ms)
            if counts.price is not None and counts.price_ms >= priced:
                self._totals[slot, 2], self._moments[slot, 2] = counts.price, counts.price_ms

    def columns(self, catalogue: Catalogue, now_ms: int) -> ShopColumns:
        """The counts of a catalogue's items; nothing is known of the others, so they are 0.

        Args:
            catalogue: N items.
            now_ms: The moment; the newest event's where that is later, for nothing is forgotten.
        """
        with self._lock:
            places = catalogue.positions(self.item_ids)
            return self._columns(places, len(catalogue), now_ms)

    def columns_at(self, places: NDArray[np.int64], n_items: int, now_ms: int) -> ShopColumns:
        """As `columns`, for whoever remembers where the items are.

        Args:
            places: (n,) position of the first n of `item_ids`, -1 = not in the catalogue.
            n_items: N.
            now_ms: The moment.
        """
        with self._lock:
            return self._columns(places, n_items, now_ms)

    def _columns(self, places: NDArray[np.int64], n_items: int, now_ms: int) -> ShopColumns:
        slots = np.flatnonzero(places >= 0)
        places = places[slots]
        now_ms = max(now_ms, self._newest_ms)
        left = np.exp2((self._landmark_ms - now_ms) / _HALF_LIVES_MS)  # (H + H2 + 1,)
        counts = np.zeros((_REGION, n_items), np.float32)
        counts[:, places] = (np.maximum(self._sums[slots], 0.0) * left[:_REGION]).T
        moments = np.full((2, n_items), NEVER, np.int64)
        moments[:, places] = self._moments[slots, :2].T
        totals = np.zeros((3, n_items), np.float32)
        totals[2] = np.nan
        totals[:, places] = self._totals[slots].T
        by_region, newcomers = (
            RegionColumns(dict(sums), float(left[_REGION]), slots, places, n_items)
            for sums in self._regions
        )
        return ShopColumns(
            now_ms,
            counts[:_N_BOUGHT],
            counts[_N_BOUGHT:],
            by_region,
            newcomers,
            moments[0],
            moments[1],
            totals[0],
            totals[1],
            totals[2],
        )

    def _slot(self, item_id: str) -> int:
        slot = self._slots.get(item_id)
        if slot is None:
            slot = self._slots[item_id] = len(self.item_ids)
            self.item_ids.append(item_id)
            if slot >= len(self._sums):
                length = max(256, 2 * len(self._sums))
                self._sums = _longer(self._sums, length)
                self._moments = _longer(self._moments, length)
                self._totals = _longer(self._totals, length)
                for regions in self._regions:
                    regions.update({n: _longer(sums, length) for n, sums in regions.items()})
            self._moments[slot] = NEVER
            self._totals[slot, 2] = np.nan
        return slot

    def _part(self, counts: ItemCounts, weights: Floats) -> _Part:
        of_regions = [
            ((kind, sys.intern(name)), count)
            for kind, regions in enumerate(counts.of_regions)
            for name, count in regions.items()
        ]
        names = tuple(name for name, _ in of_regions)
        sums = np.array([*counts.bought, *counts.looked, *(count for _, count in of_regions)])
        sums[:_REGION] *= weights[:_REGION]
        sums[_REGION:] *= weights[_REGION]
        known = self._known_regions.setdefault(names, names)
        return _Part(sums, known, counts.again, counts.buyers)

    def _add(self, kind: int, region: str, slot: int, more: float) -> None:
        """To the sums of a region, where there is room for another one."""
        regions = self._regions[kind]
        if region not in regions:
            if len(regions) >= MAX_REGIONS:
                return
            regions[region] = np.zeros(len(self._sums))
        regions[region][slot] += more

    def _weights(self, at_ms: int) -> Floats:
        """(H + H2 + 1,) what an event at this moment adds; moves the landmark where it must."""
        self._newest_ms = max(self._newest_ms, at_ms)
        if (at_ms - self._landmark_ms) / _HALF_LIVES_MS.min() > _FARTHEST:
            self._move(at_ms)
        weights: Floats = np.exp2((at_ms - self._landmark_ms) / _HALF_LIVES_MS)
        return weights

    def _move(self, to_ms: int) -> None:
        left = np.exp2((self._landmark_ms - to_ms) / _HALF_LIVES_MS)
        self._landmark_ms = to_ms
        self._sums *= left[:_REGION]
        for sums in chain.from_iterable(regions.values() for regions in self._regions):
            sums *= left[_REGION]
        for part in chain.from_iterable(parts.values() for parts in self._parts.values()):
            part.fade(left)


class _Part:
    """What one part says of an item, as it stands in the sums; some hundreds of bytes.

    Attributes:
        sums: Purchases, looks, then a purchase count for each of `regions`.
        regions: 0 = of all, 1 = of newcomers, and the name; parts with the same ones share it.
        again: See `ItemCounts`.
        buyers: The same.
    """

    __slots__ = ("again", "buyers", "regions", "sums")

    def __init__(
        self, sums: Floats, regions: tuple[tuple[int, str], ...], again: int, buyers: int
    ) -> None:
        self.sums = sums
        self.regions = regions
        self.again = again
        self.buyers = buyers

    def fade(self, left: Floats) -> None:
        self.sums[:_REGION] *= left[:_REGION]
        self.sums[_REGION:] *= left[_REGION]


_NO_PART: Final = _Part(np.zeros(_REGION), (), 0, 0)


def _longer(column: NDArray[_T], length: int) -> NDArray[_T]:
    grown = np.zeros((length, *column.shape[1:]), column.dtype)
    grown[: len(column)] = column
    return grown
