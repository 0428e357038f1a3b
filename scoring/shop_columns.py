"""The counts of a shop at one moment, as columns in the order of a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ShopColumns:
    """The counts of N items at one moment, in the order of a catalogue.

    Attributes:
        at_ms: The moment.
        bought: (H, N) decayed purchases, one row for each of `BOUGHT_DAYS`.
        looked: (H2, N) decayed looks, one row for each of `LOOKED_DAYS`.
        by_region: Region -> (N,) decayed purchases, half-life `REGION_DAYS`.
        newcomers: Region -> (N,) the same of newcomers; "" = the region is not known.
        first_ms: (N,) int64 moment of the first event, `NEVER` where there was none.
        latest_ms: (N,) int64 moment of the latest purchase, `NEVER` where there was none.
        again: (N,) purchases by those who had bought the item before.
        buyers: (N,) purchases by those who had not.
        price: (N,) of the latest purchase, nan where none is known.
    """

    at_ms: int
    bought: NDArray[np.float32]
    looked: NDArray[np.float32]
    by_region: Mapping[str, NDArray[np.float32]]
    newcomers: Mapping[str, NDArray[np.float32]]
    first_ms: NDArray[np.int64]
    latest_ms: NDArray[np.int64]
    again: NDArray[np.float32]
    buyers: NDArray[np.float32]
    price: NDArray[np.float32]


class RegionColumns(Mapping[str, NDArray[np.float32]]):
    """A column for each region, made when it is asked for: a shop may know many of them."""

    def __init__(
        self,
        sums: Mapping[str, NDArray[np.float64]],
        left: float,
        slots: NDArray[np.int64],
        places: NDArray[np.int64],
        n_items: int,
    ) -> None:
        self._sums = sums
        self._left = left
        self._slots = slots
        self._places = places
        self._n_items = n_items

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        found = np.zeros(self._n_items, np.float32)
        found[self._places] = np.maximum(self._sums[name][self._slots], 0.0) * self._left
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._sums  # a column is not made to say that it could be

    def __iter__(self) -> Iterator[str]:
        return iter(self._sums)

    def __len__(self) -> int:
        return len(self._sums)
