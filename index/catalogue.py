"""What is known of each item besides its vector, as columns aligned with the vectors' rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from index.errors import RejectedInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_PRICE = float(np.finfo(np.float32).max)
"""Catalogues hold prices as float32."""


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that can be recommended.

    Attributes:
        item_id: Unique in a catalogue.
        title: What a shopper sees.
        description: Longer text.
        category: Where it is filed.
        brand: Who makes it.
        price: In the shop's currency, 0 to ``MAX_PRICE``; None = unknown.
        tags: Free words.
        in_stock: Whether it may be recommended now.
    """

    item_id: str
    title: str
    description: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    tags: tuple[str, ...] = ()
    in_stock: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Columns of N items for lookups with numpy; row i belongs to vector i; read-only.

    Attributes:
        ids: N item ids.
        titles: N titles.
        categories: N categories, None = unknown.
        brands: N brands, None = unknown.
        prices: (N,) float32, nan = unknown.
        in_stock: (N,) bool.
        popularity: (N,) float32, at least 0; all 0 where the build knew none.
        category_codes: (N,) int32 into ``category_names``, -1 = unknown.
        brand_codes: (N,) int32 into ``brand_names``, -1 = unknown.
        title_codes: (N,) int32, equal where titles read the same, see ``title_code``.
        category_names: Distinct categories, sorted.
        brand_names: Distinct brands, sorted.
    """

    ids: list[str]
    titles: list[str]
    categories: list[str | None]
    brands: list[str | None]
    prices: NDArray[np.float32]
    in_stock: NDArray[np.bool_]
    popularity: NDArray[np.float32]
    category_codes: NDArray[np.int32] = field(init=False)
    brand_codes: NDArray[np.int32] = field(init=False)
    title_codes: NDArray[np.int32] = field(init=False)
    category_names: list[str] = field(init=False)
    brand_names: list[str] = field(init=False)
    _positions: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Derive codes and the id lookup.

        Raises:
            RejectedInputError: Two items share an id.
        """
        positions = {item_id: position for position, item_id in enumerate(self.ids)}
        if len(positions) != len(self.ids):
            raise RejectedInputError(
                f"{len(self.ids) - len(positions)} of {len(self.ids)} items repeat an item_id, "
                f"the first is {_first_repeated(self.ids)!r}; keep one row for each item_id"
            )
        category_names, category_codes = _codes(self.categories)
        brand_names, brand_codes = _codes(self.brands)
        title_codes = np.fromiter(map(title_code, self.titles), np.int32, len(self.titles))
        # A frozen dataclass sets its derived fields this way.
        object.__setattr__(self, "_positions", positions)
        object.__setattr__(self, "category_names", category_names)
        object.__setattr__(self, "category_codes", category_codes)
        object.__setattr__(self, "brand_names", brand_names)
        object.__setattr__(self, "brand_codes", brand_codes)
        object.__setattr__(self, "title_codes", title_codes)
        columns = (self.prices, self.in_stock, self.popularity)
        for column in (*columns, category_codes, brand_codes, title_codes):
            column.flags.writeable = False

    @classmethod
    def from_items(
        cls, items: Sequence[Item], popularity: NDArray[np.float32] | None = None
    ) -> Catalogue:
        """Columns of these items, in their order.

        Args:
            items: N items with distinct ids.
            popularity: (N,), at least 0; None = unknown.

        Raises:
            RejectedInputError: An id is repeated, or the popularity is of another length, negative
                or not finite.
        """
        n = len(items)
        known = np.zeros(n, dtype=np.float32)
        if popularity is not None:
            known[:] = checked_popularity(popularity, n)
        prices = (np.nan if item.price is None else item.price for item in items)
        return cls(
            ids=[item.item_id for item in items],
            titles=[item.title for item in items],
            categories=[item.category for item in items],
            brands=[item.brand for item in items],
            prices=np.fromiter(prices, np.float32, n),
            in_stock=np.fromiter((item.in_stock for item in items), np.bool_, n),
            popularity=known,
        )

    def __len__(self) -> int:
        """Number of items."""
        return len(self.ids)

    @property
    def n_base(self) -> int:
        """Rows of the version, which come first."""
        return len(self)

    def position(self, item_id: str) -> int:
        """Row of an item, -1 if it is unknown."""
        return self._positions.get(item_id, -1)

    def positions(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """Rows of n items.

        Returns:
            (n,) int64, -1 where an item is unknown.
        """
        found = map(self._positions.get, item_ids, repeat(-1))
        return np.fromiter(found, np.int64, len(item_ids))


def checked_popularity(popularity: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """The same numbers, if they are n finite ones of at least 0.

    Raises:
        RejectedInputError: They are not.
    """
    if popularity.shape != (n,):
        raise RejectedInputError(f"popularity has shape {popularity.shape}, {n} items need ({n},)")
    if not (np.isfinite(popularity).all() and (popularity >= 0).all()):
        raise RejectedInputError("popularity must be finite and at least 0 for every item")
    return popularity


def _codes(names: Iterable[str | None]) -> tuple[list[str], NDArray[np.int32]]:
    """Distinct names, sorted, and each entry's place among them (-1 for None)."""
    entries = list(names)
    distinct = sorted({name for name in entries if name is not None})
    place: dict[str | None, int] = {name: code for code, name in enumerate(distinct)}
    return distinct, np.fromiter(map(place.get, entries, repeat(-1)), np.int32, len(entries))


def title_code(title: str) -> int:
    """31 bits of what a title says, whatever its capitals and spaces; -1 where it says nothing.

    Among 200 candidates two titles share them by chance once in a hundred thousand lists.
    """
    said = " ".join(title.casefold().split())
    return zlib.crc32(said.encode("utf-8", "surrogatepass")) >> 1 if said else -1


def _first_repeated(ids: Iterable[str]) -> str:
    seen: set[str] = set()
    for item_id in ids:
        if item_id in seen:
            return item_id
        seen.add(item_id)
    raise ValueError("no id is repeated")
