"""A shop's counts as columns of one live catalogue, made anew after a second of event time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.shop_columns import ShopColumns
from scoring.shop_counts import ShopCounts

REFRESH_MS: Final = 1_000
"""The shortest half-life is an hour: counts fade by a fifth of a thousandth meanwhile."""

_ITEMS_A_MS: Final = 100
"""More items than 100,000 are read less often: at most some hundredths of the time go into it."""

_FIND_AGAIN_MS: Final = 10_000
"""Items that changed in the index are looked for again after so long; new ones have no counts."""


class ShopView:
    """Where the counted items are in a catalogue, and their counts there; for one thread."""

    def __init__(self, shop: ShopCounts, catalogue: Catalogue) -> None:
        """Look at nothing yet.

        Args:
            shop: Counts that go on being kept.
            catalogue: A snapshot's, or a live one; say with `follow` that it has changed.
        """
        self._shop = shop
        self._catalogue = catalogue
        self._places: NDArray[np.int64] = np.empty(0, np.int64)
        self._changed = False
        self._found_ms = 0
        self._columns: ShopColumns | None = None
        self._read_ms = 0

    def follow(self) -> None:
        """An item of the catalogue has changed."""
        self._changed = True

    def columns(self, now_ms: int) -> ShopColumns:
        """Columns as long as the catalogue's; the same object until they are made anew."""
        columns, length = self._columns, len(self._catalogue.prices)
        if (
            columns is None
            or len(columns.price) < length
            or abs(now_ms - self._read_ms) >= max(REFRESH_MS, length // _ITEMS_A_MS)
        ):
            self._find(now_ms)
            self._read_ms = now_ms
            columns = self._columns = self._shop.columns_at(self._places, length, now_ms)
        return columns

    def _find(self, now_ms: int) -> None:
        known = len(self._places)
        if self._changed and abs(now_ms - self._found_ms) >= _FIND_AGAIN_MS:
            known, self._changed = 0, False
        if known == 0:
            self._found_ms = now_ms
        new = self._catalogue.positions(self._shop.item_ids[known:])
        self._places = np.concatenate([self._places[:known], new])
