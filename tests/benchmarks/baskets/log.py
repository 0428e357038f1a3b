"""Online Retail -> baskets in order of time, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from streams.demo.prepare import Line, items_of, merchandise

DAY_MS: Final = 86_400_000
HOME: Final = "United Kingdom"


@dataclass(frozen=True, slots=True)
class Basket:
    """One invoice.

    Attributes:
        user: Row of the customer.
        at_ms: Its first line.
        items: (n,) distinct rows of items, ascending.
        prices: (n,) what one piece cost.
        quantities: (n,) pieces.
        is_return: Goods came back.
        abroad: The customer is not in the shop's country.
    """

    user: int
    at_ms: int
    items: NDArray[np.int64]
    prices: NDArray[np.float32]
    quantities: NDArray[np.float32]
    is_return: bool
    abroad: bool


@dataclass(frozen=True, slots=True)
class Log:
    """The shop's year.

    Attributes:
        item_ids: N ids, sorted.
        titles: Of the items.
        n_users: Customers.
        baskets: In order of time.
    """

    item_ids: list[str]
    titles: list[str]
    n_users: int
    baskets: list[Basket]

    @property
    def n_items(self) -> int:
        """N."""
        return len(self.item_ids)

    @classmethod
    def read(cls, path: Path) -> Log:
        """Merchandise of known customers, see `streams.demo.prepare` for what is left out."""
        lines = list(merchandise(pq.read_table(path).to_pylist()))
        named = items_of(lines, 0)
        ids = sorted({line.item_id for line in lines})
        titles = {row["item_id"]: row["title"] for row in named}
        rows = {item_id: row for row, item_id in enumerate(ids)}
        users = {user: row for row, user in enumerate(sorted({line.user_id for line in lines}))}
        invoices: dict[str, list[Line]] = {}
        for line in lines:
            invoices.setdefault(line.invoice, []).append(line)
        baskets = [_basket(found, rows, users) for found in invoices.values()]
        baskets.sort(key=lambda basket: basket.at_ms)
        return cls(ids, [titles.get(item_id, item_id) for item_id in ids], len(users), baskets)

    def purchases(self, from_ms: int, until_ms: int) -> Iterator[Basket]:
        """Baskets that were bought within a time."""
        for basket in self.baskets:
            if from_ms <= basket.at_ms < until_ms and not basket.is_return:
                yield basket


def _basket(lines: list[Line], rows: dict[str, int], users: dict[str, int]) -> Basket:
    found = np.array([rows[line.item_id] for line in lines])
    items, first, place = np.unique(found, return_index=True, return_inverse=True)
    quantities = np.bincount(place, [line.quantity for line in lines])
    prices = np.array([line.price for line in lines], np.float32)
    return Basket(
        user=users[lines[0].user_id],
        at_ms=min(line.at_ms for line in lines),
        items=items,
        prices=prices[first],
        quantities=quantities.astype(np.float32),
        is_return=lines[0].is_return,
        abroad=lines[0].country != HOME,
    )
