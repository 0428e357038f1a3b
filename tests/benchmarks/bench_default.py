"""Does the model that comes along find things better than the encoder that it began as?

    python -m tests.benchmarks.bench_default --data DIR [--model default]

Neither has seen a row of these shops: pairs of home_depot_search with a grade, and the product that
was clicked after a search of bestbuy_search, among all 437.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from scoring import load_encoder
from scoring.encoder import Encoder
from scoring.intents.words import folded
from scoring.measures import mean_within, spearman
from scoring.training.split import place_of
from tests.benchmarks.resampling import bounds

_PAIRS: Final = 2_000


def relevance(encoders: Sequence[Encoder], folder: Path) -> None:
    """Print Spearman's ρ over pairs and within queries, whole queries drawn by a hash."""
    rows = parquet.read_table(folder / "home_depot_search/relevance.parquet").to_pylist()
    rows.sort(key=lambda row: (place_of(row["search_term"], "default"), row["id"]))
    rows = rows[:_PAIRS]
    queries = [row["search_term"] for row in rows]
    grades = np.array([row["relevance"] for row in rows])
    cosines = []
    for encoder in encoders:
        distinct = list(dict.fromkeys(queries))
        found = dict(zip(distinct, encoder.encode_queries(distinct), strict=True))
        asked = np.stack([found[query] for query in queries])
        titles = encoder.encode_items([row["product_title"] for row in rows])
        cosines.append((asked * titles).sum(axis=1))
        print(
            f"home_depot_search, {len(rows)} pairs, {len(distinct)} queries: {encoder.version} "
            f"Spearman {spearman(cosines[-1], grades):.3f}, within queries "
            f"{mean_within(queries, cosines[-1], grades):.3f}",
            flush=True,
        )
    low, high = bounds(
        lambda some: float(
            spearman(cosines[1][some], grades[some]) - spearman(cosines[0][some], grades[some])
        ),
        len(rows),
    )
    print(f"difference of Spearman, 95 % of resampled pairs: {low:+.3f} to {high:+.3f}")


def clicks(encoders: Sequence[Encoder], folder: Path) -> None:
    """Print the mean reciprocal rank of the clicked product, for the last fifth by time."""
    products = json.loads((folder / "bestbuy_search/products.json").read_text("utf-8"))
    places = {sku: place for place, sku in enumerate(products)}
    rows = parquet.read_table(folder / "bestbuy_search/clicks.parquet").to_pylist()
    rows = [row for row in rows[len(rows) * 4 // 5 :] if row["sku"] in places]
    queries = [folded(row["query"]) for row in rows]
    clicked = np.array([places[row["sku"]] for row in rows])
    ranks: list[NDArray[np.float64]] = []
    for encoder in encoders:
        names = encoder.encode_items([product["name"] for product in products.values()])
        distinct = list(dict.fromkeys(queries))
        scores = encoder.encode_queries(distinct) @ names.T  # (distinct, 437)
        row_of = {query: place for place, query in enumerate(distinct)}
        own = scores[[row_of[query] for query in queries]]
        ahead = (own > own[np.arange(len(own)), clicked][:, None]).sum(axis=1)
        ranks.append(1 / (1 + ahead))
        print(
            f"bestbuy_search, {len(rows)} clicks: {encoder.version} MRR {ranks[-1].mean():.3f}",
            flush=True,
        )
    low, high = bounds(lambda some: float((ranks[1] - ranks[0])[some].mean()), len(rows))
    print(f"difference of MRR, 95 % of resampled clicks: {low:+.3f} to {high:+.3f}")


def main() -> None:
    """Print everything."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--model", default="default")
    given = options.parse_args()
    encoders = [
        load_encoder(source, threads=1, max_tokens=64, precision="float32")
        for source in (None, given.model)
    ]
    clicks(encoders, given.data)
    relevance(encoders, given.data)


if __name__ == "__main__":
    main()
