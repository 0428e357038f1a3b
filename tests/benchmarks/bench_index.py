"""Recall and time of the search engines on real item vectors, on one core, beside plain FAISS.

    python -m tests.benchmarks.bench_index                      # titles of the sample shop
    python -m tests.benchmarks.bench_index --items products.parquet:name,manufacturer \
        --searches clicks.parquet:query --cache /tmp/bench      # any Parquet file with texts

Prints the Markdown tables of docs/benchmarks-index.md. Texts are encoded once, kept in the cache.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index import (
    ExactEngine,
    HnswParameters,
    IndexStore,
    Item,
    IvfPqParameters,
    Snapshot,
    build_index,
    set_threads,
)
from index.recall import recall
from tests.benchmarks.bench_engines import plain_search
from tests.benchmarks.item_vectors import (
    N_QUERIES,
    Vectors,
    distinct,
    encoder,
    enlarged,
    interests,
    item_texts,
    texts,
    unit,
)

_K = 100
_EFFORTS = (1.0, 2.0, 4.0)
_ROUNDS = 7
_ENGINES = {type(None): "exact", HnswParameters: "hnsw", IvfPqParameters: "ivfpq"}
_OTHERS = (
    HnswParameters(m=16, ef_construction=100),
    HnswParameters(m=16, ef_construction=200),
    HnswParameters(m=24, ef_construction=200),
    HnswParameters(m=32, ef_construction=200),
    HnswParameters(storage="fp16"),
    HnswParameters(storage="fp32"),
)


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries of one kind, and the truth about them.

    Attributes:
        name: Kind.
        vectors: (B, d).
        kth_scores: By k: (B,) scores of the true k-th.
    """

    name: str
    vectors: Vectors
    kth_scores: dict[int, Vectors]


def main() -> None:
    """Measure, and print."""
    options = _options()
    os.sched_setaffinity(0, {options.core})
    set_threads(1)
    encode = encoder(options.cache)
    items = unit(enlarged(encode(item_texts(options.items)), options.count))
    rng = np.random.default_rng(5)
    held_out = np.zeros(len(items), dtype=np.bool_)
    held_out[rng.permutation(len(items))[:N_QUERIES]] = True
    rows = items[~held_out]
    kinds = {"unseen items": items[held_out], "interests": interests(rows, items[held_out], rng)}
    if options.searches:
        kinds["searches"] = encode(distinct(texts(options.searches), rng))
    queries = [_with_truth(name, vectors, rows) for name, vectors in kinds.items()]
    print(f"{len(rows):,} items x {rows.shape[1]}; k = {_K}; one core; best of {_ROUNDS} rounds")
    _print_engines(rows, queries)
    if options.compare:
        _print_parameters(rows, queries)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", help="FILE.parquet:column,column; the sample shop without it")
    parser.add_argument("--searches", help="FILE.parquet:column of real searches")
    parser.add_argument("--count", type=int, default=100_000, help="items, made up by perturbing")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "bench-index")
    parser.add_argument("--core", type=int, default=0, help="the one that everything runs on")
    parser.add_argument("--compare", action="store_true", help="other HNSW parameters, too")
    return parser.parse_args()


def _with_truth(name: str, vectors: Vectors, rows: Vectors) -> Queries:
    vectors = np.ascontiguousarray(vectors)
    scores = ExactEngine(rows).search(vectors, _K)[0]
    return Queries(name, vectors, {k: scores[:, k - 1] for k in (10, _K)})


def _built(
    rows: Vectors, parameters: HnswParameters | IvfPqParameters | None
) -> tuple[Snapshot, float]:
    """A published and reopened version of these rows, and the CPU seconds of its build."""
    items = [Item(item_id=str(i), title="") for i in range(len(rows))]
    with tempfile.TemporaryDirectory(prefix="bench-index-") as folder:
        store = IndexStore(folder)
        began = time.process_time()
        build_index(
            store,
            items,
            rows,
            encoder_version="benchmark",
            engine=_ENGINES[type(parameters)],
            parameters=parameters,
        )
        took = time.process_time() - began
        snapshot = store.open()  # its files stay mapped after their names are gone
        snapshot.warm()
    return snapshot, took


def _print_engines(rows: Vectors, queries: list[Queries]) -> None:
    print("\n| engine | queries | recall@10 | recall@100 | batch | µs a query | plain FAISS |")
    print("|---|---|---|---|---|---|---|")
    exact, _ = _built(rows, None)
    hnsw, _ = _built(rows, HnswParameters())
    plans: list[tuple[str, Snapshot, float]] = [("exact", exact, 1.0)]
    plans += [(f"hnsw, effort {effort:g}", hnsw, effort) for effort in _EFFORTS]
    ivfpq, _ = _built(rows, IvfPqParameters())
    plans += [(f"ivfpq, effort {effort:g}", ivfpq, effort) for effort in _EFFORTS]
    for engine, snapshot, effort in plans:
        for kind in queries:
            at_10, at_100 = (_recall(snapshot, kind, k, effort) for k in (10, _K))
            batches = (1, 64) if snapshot is exact or effort > 1 else (1, 8, 64, 1_024)
            for batch in batches:
                ours, plain = _times(snapshot, kind.vectors, batch, effort)
                print(
                    f"| {engine} | {kind.name} | {at_10:.4f} | {at_100:.4f} | {batch} "
                    f"| {ours:.0f} | {plain:.0f} |",
                    flush=True,
                )


def _print_parameters(rows: Vectors, queries: list[Queries]) -> None:
    names = " | ".join(f"recall@100, {kind.name}" for kind in queries)
    print(f"\n| m | ef_construction | storage | {names} | µs a query | build s | MB |")
    print("|---" * (6 + len(queries)) + "|")
    for parameters in (HnswParameters(), *_OTHERS):
        snapshot, build_s = _built(rows, parameters)
        recalls = " | ".join(f"{_recall(snapshot, kind, _K, 1.0):.4f}" for kind in queries)
        ours, _ = _times(snapshot, queries[0].vectors, 64, 1.0)
        size = snapshot.manifest.files["index.faiss"].bytes / 1e6
        print(
            f"| {parameters.m} | {parameters.ef_construction} | {parameters.storage} "
            f"| {recalls} | {ours:.0f} | {build_s:.0f} | {size:.0f} |",
            flush=True,
        )


def _recall(snapshot: Snapshot, kind: Queries, k: int, effort: float) -> float:
    found = snapshot.search(kind.vectors, k, effort=effort).positions
    return recall(snapshot.vectors, kind.vectors, found, kind.kth_scores[k])


def _times(snapshot: Snapshot, vectors: Vectors, batch: int, effort: float) -> tuple[float, float]:
    """µs a query of this batch size: through a snapshot, and FAISS alone; each one's best round.

    Processor time, so that other programs on the same core do not count; they still take turns in
    the cache, hence the best round. The two sides take turns, too.
    """
    plain = plain_search(snapshot, effort)
    sides: list[Callable[[Vectors], Any]] = [
        lambda part: snapshot.search(part, _K, effort=effort),
        lambda part: plain(part, _K),
    ]
    parts = list(_parts(vectors, batch))
    n_queries = sum(len(part) for part in parts)
    rounds = np.zeros((_ROUNDS, len(sides)))
    for times in rounds:
        for at, side in enumerate(sides):  # not part by part: the second would find a warm cache
            began = time.thread_time()
            for part in parts:
                side(part)
            times[at] = time.thread_time() - began
    ours, alone = (rounds.min(axis=0) / n_queries * 1e6).tolist()
    return ours, alone


def _parts(vectors: Vectors, batch: int) -> Iterator[Vectors]:
    """About 192 queries in batches, or one batch that repeats them."""
    if batch > len(vectors):
        yield np.resize(vectors, (batch, vectors.shape[1]))
        return
    for start in range(0, max(192, batch), batch):
        yield np.ascontiguousarray(vectors[start : start + batch])


if __name__ == "__main__":
    main()
