"""Microseconds a request of each part of a decision, on one core.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.benchmarks.bench_recommend

100,000 items of 384 dimensions in HNSW (built once into --store), one request
in ten with a search whose vector is known already (encoding is not measured here). The time
is CPU time of the process, so that neighbours on the machine do not count.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import scoring.recommender as stages
from index import IndexStore, Item, Snapshot, build_index, set_threads
from scoring import History, Interaction, Recommender, Request
from scoring.history import TYPE_CODES

PARTS = {
    "rings": ("read_rings",),
    "interests": ("find_interests",),
    "search": ("retrieve",),
    "merge": ("forbidden_pairs", "merge"),
    "score": ("score",),
    "reasons": ("explain",),
}
NOW_MS = 1_800_000_000_000
DIM = 384


class KnownQueries:
    """A query tower that looks vectors up: the text is a number."""

    version = "made-up"

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._vectors[[int(text) for text in texts]]


def open_shop(folder: Path, n_items: int, rng: np.random.Generator) -> Snapshot:
    """A catalogue in 400 clusters, built when the folder is empty."""
    store = IndexStore(folder)
    if store.current() is None:
        centres = rng.standard_normal((400, DIM), dtype=np.float32)
        cluster = rng.integers(0, 400, n_items)
        vectors = centres[cluster] + 0.8 * rng.standard_normal((n_items, DIM), dtype=np.float32)
        items = [
            Item(
                item_id=f"item-{number:08d}",
                title=f"Item number {number} of cluster {cluster[number]}",
                category=f"category {cluster[number] // 8}",
                brand=f"brand {number % 500}",
                price=float(number % 90 + 1),
                in_stock=number % 20 != 0,
            )
            for number in range(n_items)
        ]
        popularity = rng.pareto(1.2, n_items).astype(np.float32)
        build_index(
            store, items, vectors, encoder_version="made-up", engine="hnsw", popularity=popularity
        )
    return store.open()


def make_requests(n: int, ring: int, snapshot: Snapshot, rng: np.random.Generator) -> list[Request]:
    """Users who stay near a few clusters: neighbours in the catalogue's own order of vectors."""
    codes = list(TYPE_CODES.values())[1:5]
    requests = []
    for user in range(n):
        near = snapshot.search(snapshot.vectors[rng.integers(0, len(snapshot), 4)], ring).positions
        items = rng.choice(near.ravel(), ring)
        ages = np.sort(rng.exponential(20 * 86_400_000, ring).astype(np.int64))
        interactions = [
            Interaction(
                int(rng.integers(2**63)),
                snapshot.catalogue.ids[item],
                str(rng.choice(codes)),
                NOW_MS - int(age) - (user % 2) * 60_000,
                1,
            )
            for item, age in zip(items.tolist(), ages.tolist(), strict=True)
        ]
        interactions[0] = Interaction(0, interactions[0].item_id, TYPE_CODES["view"], NOW_MS - 5, 1)
        counts = {f"c:category {number}": 3.0 for number in rng.integers(0, 50, 6)}
        counts |= {f"b:brand {number}": 1.5 for number in rng.integers(0, 500, 6)}
        query = str(user % 50) if user % 10 == 0 else None
        requests.append(Request(f"user-{user}", NOW_MS, History(interactions, counts), query))
    return requests


def timed(spent: Counter[str], part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, its CPU time added to its part."""

    def call(*args: Any, **kwargs: Any) -> Any:
        begun_ns = time.process_time_ns()
        found = function(*args, **kwargs)
        spent[part] += time.process_time_ns() - begun_ns
        return found

    return call


def measure(recommender: Recommender, requests: list[Request], batch: int) -> dict[str, float]:
    """Microseconds a request of each part, the best of five rounds."""
    rounds = []
    for _ in range(5):
        spent: Counter[str] = Counter()
        plain = {name: getattr(stages, name) for names in PARTS.values() for name in names}
        for part, names in PARTS.items():
            for name in names:
                setattr(stages, name, timed(spent, part, plain[name]))
        begun_ns = time.process_time_ns()
        for start in range(0, len(requests), batch):
            recommender.recommend(requests[start : start + batch])
        total_ns = time.process_time_ns() - begun_ns
        for name, function in plain.items():
            setattr(stages, name, function)
        spent["items"] = total_ns - sum(spent.values())
        rounds.append({part: ns / 1e3 / len(requests) for part, ns in spent.items()})
    return min(rounds, key=lambda parts: sum(parts.values()))


def main() -> None:
    """Print a table: batch sizes against parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("/tmp/rillstream-bench-recommend"))
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=512)
    parser.add_argument("--rings", type=int, nargs="+", default=[64, 16])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64, 512])
    given = parser.parse_args()
    set_threads(1)
    rng = np.random.default_rng(7)
    snapshot = open_shop(given.store / str(given.items), given.items, rng)
    snapshot.warm()
    queries = KnownQueries(np.ascontiguousarray(snapshot.vectors[rng.integers(0, given.items, 50)]))
    recommender = Recommender(snapshot, queries)
    columns = [*PARTS, "items"]
    print(
        "ring batch " + "".join(f"{name:>10}" for name in columns), "  all but search  (us/request)"
    )
    for ring in given.rings:
        requests = make_requests(given.users, ring, snapshot, rng)
        for batch in given.batches:
            spent = measure(recommender, requests, batch)
            rest = sum(us for part, us in spent.items() if part != "search")
            numbers = "".join(f"{spent[name]:10.1f}" for name in columns)
            print(f"{ring:4d} {batch:5d} {numbers} {rest:12.1f}", flush=True)


if __name__ == "__main__":
    main()
