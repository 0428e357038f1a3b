"""What a ranker has learned of single items and customers, beside the weights of its network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from safetensors.numpy import load_file, save_file

from scoring.errors import RankerError
from scoring.ranker.alike import Customers
from scoring.ranker.closed_form import TABLES, learn_weights
from scoring.ranker.sales import Sales
from scoring.ranker.tables import ItemTables

KNOWLEDGE: Final = "knowledge.safetensors"


class KnowledgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is learned.

    Attributes:
        nearest: Neighbours of an item that each table keeps.
        most_items: Items that tables are learned of, those sold most; learning takes the third
            power of it, and its square in memory: 5,000 items 400 MB.
        most_customers: Of the sample for customers alike.
    """

    nearest: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 32
    most_items: Annotated[int, msgspec.Meta(ge=1, le=20_000)] = 5_000
    most_customers: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """Tables of items and a sample of customers, as of one moment.

    Attributes:
        tables: Of T items.
        customers: Their rows of items are those of the tables.
    """

    tables: ItemTables
    customers: Customers

    @classmethod
    def learn(
        cls, sales: Sales, until_ms: int, settings: KnowledgeSettings, seed: int
    ) -> Knowledge:
        """From what was sold before a moment."""
        known = sales.between(0, until_ms).of_best_sold(settings.most_items)
        dense = learn_weights(known, until_ms)
        tables = ItemTables.of(known.item_ids, dense, settings.nearest)
        customers = Customers.sample(known, until_ms, settings.most_customers, seed)
        return cls(tables, customers)

    def save(self, folder: Path) -> None:
        """Write one file into a folder that exists; item ids are the caller's to keep."""
        tables, customers = self.tables, self.customers
        arrays = {
            "starts": tables.starts,
            "neighbours": tables.neighbours,
            "weights": tables.weights,
            "customer_digests": customers.digests,
            "customer_starts": customers.starts,
            "customer_items": customers.items,
            "customer_weights": customers.weights,
        }
        save_file(
            {name: np.ascontiguousarray(each) for name, each in arrays.items()}, folder / KNOWLEDGE
        )

    @classmethod
    def load(cls, folder: Path, item_ids: list[str]) -> Knowledge:
        """Read what `save` wrote.

        Raises:
            RankerError: The arrays do not fit each other.
            OSError: There is no file.
            SafetensorError: It is damaged.
            KeyError: It holds something else.
        """
        arrays = load_file(folder / KNOWLEDGE)
        tables = ItemTables(item_ids, arrays["starts"], arrays["neighbours"], arrays["weights"])
        customers = Customers(
            arrays["customer_digests"],
            arrays["customer_starts"],
            arrays["customer_items"],
            arrays["customer_weights"],
        )
        count = len(item_ids)
        if tables.weights.shape != (len(TABLES), len(tables.neighbours)):
            raise RankerError(f"{folder} is damaged: tables of {tables.weights.shape}")
        for starts, columns, n_rows in (
            (tables.starts, tables.neighbours, count),
            (customers.starts, customers.items, len(customers.digests)),
        ):
            whole = len(starts) == n_rows + 1 and starts[0] == 0 and starts[-1] == len(columns)
            if not whole or (np.diff(starts) < 0).any():
                raise RankerError(f"{folder} is damaged: rows of another length")
            if len(columns) and not 0 <= columns.min() <= columns.max() < count:
                raise RankerError(f"{folder} is damaged: an item that is none")
        values = (tables.weights, customers.weights)
        if len(customers.weights) != len(customers.items) or not all(
            np.isfinite(each).all() for each in values
        ):
            raise RankerError(f"{folder} is damaged: a weight that is none")
        return cls(tables, customers)
