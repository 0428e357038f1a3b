"""Texts and clicks of two shops, as files for pretraining and as questions that it never sees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from scoring.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Clicks:
    """Searches that ended in a click on a product that is known.

    Attributes:
        queries: (n) as typed, without case.
        products: (n) place of the clicked product.
        titles: Of all products.
        n_learned: The first so many, by time, may be learned from; the others are the test.
    """

    queries: list[str]
    products: list[int]
    titles: list[str]
    n_learned: int

    def tested(self) -> tuple[list[str], list[int], NDArray[np.bool_]]:
        """Queries and products of the test, and whether the query was never learned."""
        seen = set(self.queries[: self.n_learned])
        queries = self.queries[self.n_learned :]
        new = np.array([query not in seen for query in queries])
        return queries, self.products[self.n_learned :], new


def read_clicks(folder: Path) -> Clicks:
    """bestbuy_search, in order of time; the last fifth of all clicks is the test."""
    rows = parquet.read_table(folder / "clicks.parquet").to_pylist()
    rows.sort(key=lambda row: row["query_time"])
    products = json.loads((folder / "products.json").read_text("utf-8"))
    places = {sku: place for place, sku in enumerate(products)}
    split = int(0.8 * len(rows))
    known = [row for row in rows if row["sku"] in places]
    return Clicks(
        [" ".join(row["query"].casefold().split()) for row in known],
        [places[row["sku"]] for row in known],
        [product["name"] for product in products.values()],
        sum(row["sku"] in places for row in rows[:split]),
    )


def reciprocal_ranks(encoder: Encoder, clicks: Clicks) -> NDArray[np.float64]:
    """(n,) of the test: 1 / rank of the clicked product among all, by the cosine of its title."""
    queries, products, _ = clicks.tested()
    distinct = {query: place for place, query in enumerate(dict.fromkeys(queries))}
    scores = encoder.encode_items(list(distinct)) @ encoder.encode_items(clicks.titles).T
    rows = scores[[distinct[query] for query in queries]]  # (n, products)
    own = rows[np.arange(len(rows)), products][:, None]
    ahead = (rows > own).sum(axis=1) + ((rows == own).sum(axis=1) - 1) / 2
    return np.asarray(1 / (1 + ahead), dtype=np.float64)


def write_files(data: Path, work: Path) -> None:
    """items.jsonl, titles.jsonl and queries.jsonl for scoring/recipes/pretrain-shops.toml."""
    work.mkdir(parents=True, exist_ok=True)
    catalogue = parquet.read_table(data / "retrotech_catalogue" / "products.parquet").to_pylist()
    said = ("short_description", "long_description")
    items = [
        {"title": row["name"], "description": " ".join(row[name] for name in said if row[name])}
        for row in catalogue
        if row["name"] and any(row[name] for name in said)
    ]
    _write(work / "items.jsonl", items)
    pairs = parquet.read_table(
        data / "home_depot_search" / "relevance.parquet", columns=["product_title"]
    ).to_pylist()
    _write(work / "titles.jsonl", ({"title": row["product_title"]} for row in pairs))
    clicks = read_clicks(data / "bestbuy_search")
    learned = zip(
        clicks.queries[: clicks.n_learned], clicks.products[: clicks.n_learned], strict=True
    )
    rows = ({"query": query, "title": clicks.titles[place]} for query, place in learned if query)
    _write(work / "queries.jsonl", rows)


def _write(file: Path, rows: Iterable[Mapping[str, str]]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
