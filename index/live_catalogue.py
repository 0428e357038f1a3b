"""A version's catalogue with the changes since: rows are added and reused, never moved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from index.catalogue import Catalogue, Item, title_code

_T = TypeVar("_T", bound=np.generic)

_CODES = ("category_codes", "brand_codes", "title_codes")
_COLUMNS = ("prices", "in_stock", "popularity", *_CODES)
_EMPTY = {"prices": np.nan, "in_stock": False, **dict.fromkeys(_CODES, -1)}


class LiveCatalogue(Catalogue):
    """Columns of a version's N items, then of those that have changed since; for one thread.

    A row that is deleted or replaced stays where it is and is out of stock: whoever reads
    ``in_stock`` never offers it. An item is found at its newest row. The numpy columns are longer
    than ``len()``, by rows that are still to be used.

    Attributes:
        n_base: N, the version's rows; they come first.
        n_hidden: How many of the version's rows are out of stock, deleted or replaced.
    """

    __slots__ = ("_brand_code", "_category_code", "_free", "_newest", "n_base", "n_hidden")

    n_base: int
    n_hidden: int
    _newest: dict[str, int]
    _free: list[int]
    _category_code: dict[str, int]
    _brand_code: dict[str, int]

    def __init__(self, base: Catalogue, spare: int) -> None:
        """Copy the columns of a version, not the strings in them, with room for more rows.

        Args:
            base: Stays as it is.
            spare: Rows that can be added before the columns have to grow.
        """
        n_base = len(base)
        for name in ("ids", "titles", "categories", "brands", "category_names", "brand_names"):
            object.__setattr__(self, name, list(getattr(base, name)))
        for name in _COLUMNS:
            object.__setattr__(self, name, _longer(getattr(base, name), n_base + spare, name))
        object.__setattr__(self, "_positions", base._positions)  # noqa: SLF001 - our own base's
        object.__setattr__(self, "n_base", n_base)
        object.__setattr__(self, "n_hidden", n_base - int(base.in_stock.sum()))
        object.__setattr__(self, "_newest", {})
        object.__setattr__(self, "_free", [])
        for kind in ("category", "brand"):
            names: list[str] = getattr(self, f"{kind}_names")
            codes = {name: code for code, name in enumerate(names)}
            object.__setattr__(self, f"_{kind}_code", codes)

    @property
    def n_added(self) -> int:
        """Rows after the version's, those that wait to be used again included."""
        return len(self.ids) - self.n_base

    @property
    def n_changed(self) -> int:
        """Rows after the version's that hold an item."""
        return self.n_added - len(self._free)

    def position(self, item_id: str) -> int:
        """Newest row of an item, -1 if it is unknown or deleted."""
        return self._newest.get(item_id, self._positions.get(item_id, -1))

    def positions(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """Newest rows of n items.

        Returns:
            (n,) int64, -1 where an item is unknown or deleted.
        """
        found = map(self._positions.get, item_ids, repeat(-1))
        if self._newest:
            found = map(self._newest.get, item_ids, found)
        return np.fromiter(found, np.int64, len(item_ids))

    def base_position(self, item_id: str) -> int:
        """Row of an item in the version, -1 if it was not in it."""
        return self._positions.get(item_id, -1)

    def says(self, position: int, item: Item) -> bool:
        """Whether a row says of an item what serving knows of it, stock aside."""
        return (
            self.titles[position] == item.title
            and self.categories[position] == item.category
            and self.brands[position] == item.brand
            and np.array_equal(self.prices[position], _price(item), equal_nan=True)
        )

    def restore(self, item_id: str, in_stock: bool) -> None:
        """The version's own row counts again."""
        self._release(item_id)
        self._show(self._positions[item_id], in_stock)

    def put(self, item: Item) -> int:
        """Write an item into a row after the version's.

        Returns:
            The row.
        """
        base, at = self.base_position(item.item_id), self._newest.get(item.item_id, -1)
        if at < 0:
            at = self._free.pop() if self._free else self._append()
            self._newest[item.item_id] = at
        if base >= 0:
            self._show(base, False)
        self.ids[at], self.titles[at] = item.item_id, item.title
        self.categories[at], self.brands[at] = item.category, item.brand
        self.prices[at], self.in_stock[at] = _price(item), item.in_stock
        self.popularity[at] = self.popularity[base] if base >= 0 else 0.0
        self.category_codes[at] = _code(item.category, self.category_names, self._category_code)
        self.brand_codes[at] = _code(item.brand, self.brand_names, self._brand_code)
        self.title_codes[at] = title_code(item.title)
        return at

    def remove(self, item_id: str) -> None:
        """No row holds the item any more."""
        self._release(item_id)
        base = self.base_position(item_id)
        if base >= 0:
            self._show(base, False)
            self._newest[item_id] = -1

    def _release(self, item_id: str) -> None:
        """Free the row after the version's that holds an item, if there is one."""
        at = self._newest.pop(item_id, -1)
        if at >= 0:
            self.in_stock[at] = False
            self._free.append(at)

    def _show(self, base: int, in_stock: bool) -> None:
        """Set whether a row of the version may be found."""
        was = bool(self.in_stock[base])
        self.in_stock[base] = in_stock
        object.__setattr__(self, "n_hidden", self.n_hidden + was - in_stock)

    def _append(self) -> int:
        at = len(self.ids)
        if at == len(self.in_stock):
            room = 2 * (at - self.n_base) + 1_024
            for name in _COLUMNS:
                longer = _longer(getattr(self, name), self.n_base + room, name)
                object.__setattr__(self, name, longer)
        for column in (self.ids, self.titles):
            column.append("")
        for names in (self.categories, self.brands):
            names.append(None)
        return at


def _price(item: Item) -> np.float32:
    return np.float32(np.nan if item.price is None else item.price)


def _code(name: str | None, names: list[str], codes: dict[str, int]) -> int:
    """A name's code; a new name gets the next one."""
    if name is None:
        return -1
    if name not in codes:
        codes[name] = len(names)
        names.append(name)
    return codes[name]


def _longer(column: NDArray[_T], length: int, name: str) -> NDArray[_T]:
    """A column that may be written, with rows at its end that hold nothing."""
    found = np.full(length, _EMPTY.get(name, 0), column.dtype)
    found[: len(column)] = column
    return found
