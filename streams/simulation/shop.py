"""A catalogue as simulated shoppers see it: item ids and places, titles to search for, prices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from scoring.simulation import Wares
from streams.errors import BadFileError
from streams.files import BadRow, read_records
from streams.items import Item

_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_MOST_WORDS: Final = 3


class SimulatedShop:
    """Items of a shop, each at its place.

    Args:
        items: With distinct ids.
        seed: Of what nobody knows of the items: how they look, how good they are.

    Raises:
        BadFileError: No items.
    """

    def __init__(self, items: Sequence[Item], seed: int = 0) -> None:
        if not items:
            raise BadFileError("a shop without items: name a file that has some")
        self.items = tuple(items)
        self._places = {item.item_id: place for place, item in enumerate(self.items)}
        texts = [" ".join(filter(None, [item.title, *(item.tags or ())])) for item in self.items]
        self.wares = Wares.of_items(
            texts, [item.category for item in items], [item.price for item in items], seed
        )

    @classmethod
    def from_file(cls, path: Path, seed: int = 0) -> SimulatedShop:
        """Items of a JSON Lines or Parquet file; the last of an id counts.

        Raises:
            BadFileError: A row that is no item, or none at all; with file and line.
        """
        found: dict[str, Item] = {}
        for row in read_records(path):
            if isinstance(row, BadRow):
                raise BadFileError(str(row))
            if isinstance(row, Item):
                found[row.item_id] = row
        if not found:
            raise BadFileError(f"{path} has no items: they have `item_id` and `title`")
        return cls(list(found.values()), seed)

    def place(self, item_id: str) -> int:
        """Where an item stands, -1 for one that the shop does not know."""
        return self._places.get(item_id, -1)

    def query(self, place: int, chance: float) -> str:
        """One to three words of an item's title, by a number in [0, 1); its id without any."""
        item = self.items[place]
        words = _WORD.findall(item.title.lower())
        if not words:
            return item.title if item.title.strip() else item.item_id  # a query is never blank
        n_words = 1 + int(chance * 97) % min(_MOST_WORDS, len(words))
        start = int(chance * 7919) % (len(words) - n_words + 1)
        return " ".join(words[start : start + n_words])

    def price(self, place: int) -> float:
        """What an item costs; for one without a price, what its wares assume."""
        given = self.items[place].price
        return float(np.exp(self.wares.log_prices[place])) if given is None else given
