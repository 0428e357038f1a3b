"""A shop's log of searches, each with the product that was clicked after it, in order of time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

NO_PRODUCT: Final = -1
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class ClickLog:
    """n searches in order of time, among N products.

    Attributes:
        queries: n texts, in small letters, with single spaces.
        clicked: (n,) a product each, -1 where it is none of those known.
        days: (n,) when, in days.
        titles: N, '' where a product has no text.
        descriptions: N, the same.
    """

    queries: tuple[str, ...]
    clicked: NDArray[np.int64]
    days: NDArray[np.float64]
    titles: tuple[str, ...]
    descriptions: tuple[str, ...]


def read_click_log(folder: Path, known: float) -> ClickLog:
    """The Best Buy log.

    Args:
        folder: With `clicks.parquet` (query, sku, query_time) and `products.json` (name and desc by
            sku).
        known: Share of the log, from its beginning, whose products may be ranked, beside those that
            have a text: nobody can know a product without a text before its first click.
    """
    rows = pq.read_table(folder / "clicks.parquet", columns=["query", "sku", "query_time"])
    rows = rows.sort_by("query_time").to_pylist()
    texts = json.loads((folder / "products.json").read_text("utf-8"))
    seen = {row["sku"] for row in rows[: int(known * len(rows))]}
    skus = sorted({*texts, *seen})
    places = {sku: place for place, sku in enumerate(skus)}
    return ClickLog(
        tuple(plain(row["query"]) for row in rows),
        np.array([places.get(row["sku"], NO_PRODUCT) for row in rows]),
        np.array([row["query_time"].timestamp() / _DAY_S for row in rows]),
        tuple(texts.get(sku, {}).get("name", "") for sku in skus),
        tuple(texts.get(sku, {}).get("desc", "") for sku in skus),
    )


def plain(query: str) -> str:
    """A query as it is remembered: small letters, single spaces."""
    return " ".join(query.casefold().split())


def pairs_to_learn(log: ClickLog, n: int) -> Iterator[dict[str, str]]:
    """Each distinct pair of query and clicked title among the first n searches, once."""
    pairs = dict.fromkeys(zip(log.queries[:n], log.clicked[:n].tolist(), strict=True))
    for query, product in pairs:
        if product != NO_PRODUCT and log.titles[product] and query:
            yield {"question": query, "answer": log.titles[product]}
