"""Online Retail (UCI) -> the sample shop's two files. Run once; what it made is shipped.

    python -m streams.demo.prepare online_retail.parquet streams/demo/data

The log's traps, and what is done about each:

- Postage, fees, vouchers, manual corrections and samples are lines like any other: only codes of
  five digits and at most two letters are merchandise. `85123a` and `85123A` are one item.
- An invoice that starts with C is a cancellation: its lines become `return` events with a positive
  quantity.
- A quarter of the lines has no customer: left out. So are lines with a price of zero (corrections).
- 5,268 rows are exact repeats: dropped. What an invoice has left of one item is one event.
- Descriptions vary and are sometimes a stock clerk's note ("damaged?"): the most frequent one of
  the item's sales to customers is its title.
- Times have a resolution of one minute and are kept so: the lines of a basket happen at once.
- Popularity and price come from before the slice that is replayed: nothing knows the future.
"""

from __future__ import annotations

import argparse
import re
import statistics
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

SLICE_START: Final = datetime(2011, 11, 1, tzinfo=UTC)
_MERCHANDISE: Final = re.compile(r"\d{5}[A-Z]{0,2}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice to a known customer, merchandise only."""

    invoice: str
    item_id: str
    title: str
    quantity: int
    price: float
    user_id: str
    country: str
    at_ms: int

    @property
    def is_return(self) -> bool:
        """Whether goods came back."""
        return self.invoice.startswith("C")


def merchandise(rows: Iterable[dict[str, Any]]) -> Iterator[Line]:
    """The usable lines of the log, without exact repeats."""
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        item_id = row["StockCode"].strip().upper()
        title = (row["Description"] or "").strip()
        usable = row["CustomerID"] and row["UnitPrice"] > 0 and row["Quantity"] != 0 and title
        if not usable or not _MERCHANDISE.fullmatch(item_id):
            continue
        identity = tuple(row.values())
        if identity in seen:
            continue
        seen.add(identity)
        yield Line(
            invoice=row["InvoiceNo"],
            item_id=item_id,
            title=title,
            quantity=abs(row["Quantity"]),
            price=row["UnitPrice"],
            user_id=row["CustomerID"],
            country=row["Country"],
            # The shop's clock is London's; from November to March that is UTC.
            at_ms=int(row["InvoiceDate"].replace(tzinfo=UTC).timestamp() * 1000),
        )


def items_of(lines: list[Line], start_ms: int) -> list[dict[str, Any]]:
    """One row an item that was ever sold; price and popularity from before the slice."""
    titles: defaultdict[str, Counter[str]] = defaultdict(Counter)
    prices: defaultdict[str, list[float]] = defaultdict(list)
    first_price: dict[str, float] = {}
    popularity: Counter[str] = Counter()
    for line in lines:
        if line.is_return:
            continue
        titles[line.item_id][line.title] += 1
        first_price.setdefault(line.item_id, line.price)
        if line.at_ms < start_ms:
            prices[line.item_id].append(line.price)
            popularity[line.item_id] += 1
    return [
        {
            "item_id": item_id,
            "title": string.capwords(_most_frequent(titles[item_id])),
            "price": statistics.median(prices[item_id] or [first_price[item_id]]),
            "popularity": float(popularity[item_id]),
        }
        for item_id in sorted(titles)
    ]


def events_of(lines: list[Line], start_ms: int, known: set[str]) -> list[dict[str, Any]]:
    """Clicks of the slice in time order: one for each item of an invoice."""
    baskets: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        if line.at_ms >= start_ms and line.item_id in known:
            baskets[line.invoice, line.item_id].append(line)
    events = [
        {
            "event_id": f"{invoice}-{item_id}",
            "user_id": same[0].user_id,
            "type": "return" if same[0].is_return else "purchase",
            "item_id": item_id,
            "at_ms": same[0].at_ms,
            "quantity": sum(line.quantity for line in same),
            "price": same[0].price,
            "session_id": invoice,
            "context": {"country": same[0].country},
        }
        for (invoice, item_id), same in baskets.items()
    ]
    return sorted(events, key=lambda event: (event["at_ms"], event["session_id"]))


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """A Parquet file, as small as zstd makes it."""
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", compression_level=19)
    print(f"{path}: {len(rows):,} rows, {path.stat().st_size:,} bytes")


def _most_frequent(titles: Counter[str]) -> str:
    return max(titles, key=lambda title: (titles[title], title))


def main() -> None:
    """Read the log, write `items.parquet` and `events.parquet`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    lines = list(merchandise(pq.read_table(arguments.log).to_pylist()))
    start_ms = int(SLICE_START.timestamp() * 1000)
    items = items_of(lines, start_ms)
    known = {item["item_id"] for item in items}
    write(items, arguments.folder / "items.parquet")
    write(events_of(lines, start_ms, known), arguments.folder / "events.parquet")


if __name__ == "__main__":
    main()
