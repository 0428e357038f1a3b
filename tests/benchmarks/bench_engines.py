"""Every CPU engine, plain FAISS, usearch and hnswlib on the same vectors, on one core.

    python -m tests.benchmarks.bench_engines --items products.parquet:name,manufacturer
    python -m tests.benchmarks.bench_engines --count 1000000 --engines ivfpq,exact

Prints Markdown tables. usearch and hnswlib are no dependencies of rillstream: they are measured
where they can be imported (pip install usearch hnswlib), and named where they cannot.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index import ExactEngine, IndexStore, Item, Snapshot, build_index, set_threads
from index.hnsw import HnswEngine
from index.ivfpq import IvfPqEngine
from index.library import faiss
from index.locality import by_likeness
from index.recall import recall
from tests.benchmarks.item_vectors import N_QUERIES, Vectors, encoder, enlarged, item_texts, unit

_K = 100
_BATCHES = (1, 64, 1_024)
_ROUNDS, _MOST_ROUNDS, _ENOUGH_S = 5, 40, 10.0
_LINKS, _BUILD_WIDTH = 20, 150  # what hnsw has by default, for the other graphs, too
_WIDTHS = (100, 200, 400)

Search = Callable[[Vectors, int], Any]  # queries, k -> positions (B, k)


@dataclass(frozen=True, slots=True)
class Subject:
    """One engine with one setting.

    Attributes:
        name: As the table shows it.
        search: The whole call.
        rows: (N, d) in order of the positions it returns.
        build_s: Processor seconds.
        mb: What it keeps beside the vectors, in files or in memory.
        plain: The same search as FAISS's own calls do it, None = there is none.
    """

    name: str
    search: Search
    rows: Vectors
    build_s: float
    mb: float
    plain: Search | None = None


def main() -> None:
    """Measure, and print."""
    options = _options()
    os.sched_setaffinity(0, {options.core})
    set_threads(1)
    encode = encoder(options.cache)
    vectors = unit(enlarged(encode(item_texts(options.items)), options.count))
    held_out = np.zeros(len(vectors), dtype=np.bool_)
    held_out[np.random.default_rng(5).permutation(len(vectors))[:N_QUERIES]] = True
    rows, queries = vectors[~held_out], np.ascontiguousarray(vectors[held_out])
    del vectors
    truth = ExactEngine(rows).search(queries, _K)[0]
    print(f"{len(rows):,} items x {rows.shape[1]}; k = {_K}; each batch at its quickest\n")
    print(
        "| engine | recall@10 | recall@100 | build s | MB | batch | µs a query | queries/s ", end=""
    )
    print("| plain FAISS µs | beside it |")
    print("|---" * 10 + "|")
    for name in options.engines.split(","):
        for subject in _SUBJECTS[name](rows):
            _print(subject, queries, truth)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", help="FILE.parquet:column,column; the sample shop without it")
    parser.add_argument("--count", type=int, default=48_194, help="items, made up by perturbing")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "bench-index")
    parser.add_argument("--core", type=int, default=0, help="the one that everything runs on")
    parser.add_argument(
        "--engines", default=",".join(_SUBJECTS), help=f"some of {','.join(_SUBJECTS)}"
    )
    return parser.parse_args()


def _ours(rows: Vectors, engine: str, efforts: tuple[float, ...]) -> Iterator[Subject]:
    items = [Item(item_id=str(i), title="") for i in range(len(rows))]
    with tempfile.TemporaryDirectory(prefix="bench-engines-") as folder:
        store = IndexStore(folder)
        began = time.process_time()
        manifest = build_index(store, items, rows, encoder_version="benchmark", engine=engine)
        build_s = time.process_time() - began
        snapshot = store.open()  # its files stay mapped after their names are gone
    snapshot.warm()
    own = manifest.files.keys() - {"vectors.npy", "items.parquet", "hashes.npy"}
    mb = sum(manifest.files[name].bytes for name in own) / 1e6
    for effort in efforts:
        label = engine if engine == "exact" else f"{engine}, effort {effort:g}"

        def search(part: Vectors, k: int, effort: float = effort) -> Any:
            return snapshot.search(part, k, effort=effort).positions

        plain = plain_search(snapshot, effort)
        yield Subject(label, search, np.asarray(snapshot.vectors), build_s, mb, plain)


def plain_search(snapshot: Snapshot, effort: float) -> Search:
    """FAISS's own Python calls, with the same index and parameters."""
    library = faiss()
    engine: Any = snapshot._engine
    if isinstance(engine, HnswEngine):
        ef_search = round(effort * engine._parameters.ef_search)
        how = library.SearchParametersHNSW(efSearch=ef_search)
        return lambda part, k: engine._graph.search(part, k, params=how)[1]
    if isinstance(engine, IvfPqEngine):
        flat = library.IndexFlatIP(snapshot.dim)
        flat.add(snapshot.vectors)
        refined = library.IndexRefine(engine._lists, flat)
        refined.own_fields = False
        n_probes = min(len(engine._parts.centroids), round(effort * engine._parameters.probes))
        lists = library.IVFSearchParameters(nprobe=n_probes)

        def search(part: Vectors, k: int) -> Any:
            factor = (k + 10) * engine._parameters.refine / k
            how = library.IndexRefineSearchParameters(k_factor=factor, base_index_params=lists)
            return refined.search(part, k, params=how)[1]

        return search
    vectors, metric = snapshot.vectors, library.METRIC_INNER_PRODUCT
    return lambda part, k: library.knn(part, vectors, k, metric)[1]


def _hnswlib(rows: Vectors) -> Iterator[Subject]:
    library = _imported("hnswlib")
    if library is None:
        return
    rows = rows[by_likeness(rows)]  # as ours: neighbours lie side by side
    index = library.Index(space="ip", dim=rows.shape[1])
    began = time.process_time()
    index.init_index(max_elements=len(rows), M=_LINKS, ef_construction=_BUILD_WIDTH)
    index.set_num_threads(1)
    index.add_items(rows, num_threads=1)
    build_s = time.process_time() - began
    for width in _WIDTHS:
        index.set_ef(width)

        def search(part: Vectors, k: int) -> Any:
            return index.knn_query(part, k=k, num_threads=1)[0].astype(np.int64)

        yield Subject(
            f"hnswlib, fp32, ef {width}", search, rows, build_s, index.index_file_size() / 1e6
        )


def _usearch(rows: Vectors) -> Iterator[Subject]:
    module = _imported("usearch.index")
    if module is None:
        return
    rows = rows[by_likeness(rows)]
    keys = np.arange(len(rows))
    for kind in ("i8", "f16"):
        index = module.Index(
            ndim=rows.shape[1],
            metric="ip",
            dtype=kind,
            connectivity=_LINKS,
            expansion_add=_BUILD_WIDTH,
        )
        began = time.process_time()
        index.add(keys, rows, threads=1)
        build_s = time.process_time() - began
        for width in _WIDTHS:

            def search(part: Vectors, k: int, index: Any = index, width: int = width) -> Any:
                index.expansion_search = width
                keys = index.search(part, k, threads=1).keys
                return np.atleast_2d(keys).astype(np.int64)

            mb = index.serialized_length / 1e6
            yield Subject(f"usearch, {kind}, expansion {width}", search, rows, build_s, mb)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"| {name} was not measured: {error} (pip install usearch hnswlib) |")
        return None


_SUBJECTS: dict[str, Callable[[Vectors], Iterator[Subject]]] = {
    "exact": lambda rows: _ours(rows, "exact", (1.0,)),
    "hnsw": lambda rows: _ours(rows, "hnsw", (1.0, 2.0, 4.0)),
    "ivfpq": lambda rows: _ours(rows, "ivfpq", (1.0, 2.0, 4.0)),
    "hnswlib": _hnswlib,
    "usearch": _usearch,
}


def _print(subject: Subject, queries: Vectors, truth: Vectors) -> None:
    recalls = []
    for k in (10, _K):
        found = np.concatenate(
            [subject.search(queries[i : i + 64], k) for i in range(0, len(queries), 64)]
        )
        recalls.append(f"{recall(subject.rows, queries, found, truth[:, k - 1]):.4f}")
    for batch in _BATCHES:
        ours, plain = _times(subject, queries, batch)
        beside = "" if plain is None else f"{plain:.0f}"
        more = "" if plain is None else f"{ours - plain:+.0f} µs, {ours / plain - 1:+.1%}"
        print(
            f"| {subject.name} | {' | '.join(recalls)} | {subject.build_s:.0f} | {subject.mb:.0f} "
            f"| {batch} | {ours:.0f} | {1e6 / ours:,.0f} | {beside} | {more} |",
            flush=True,
        )


def _times(subject: Subject, queries: Vectors, batch: int) -> tuple[float, float | None]:
    """µs a query: the whole call, and plain FAISS; processor time, each batch at its quickest.

    The two take turns batch by batch, and who begins takes turns, too: a busier neighbour on this
    machine, and a warm cache, are then the same for both. What a neighbour still does to one round
    of a batch, it rarely does to all.
    """
    sides = [subject.search] if subject.plain is None else [subject.search, subject.plain]
    n_parts = 192 if batch == 1 else max(1, len(queries) // batch)
    parts = [np.resize(queries[i * batch :], (batch, queries.shape[1])) for i in range(n_parts)]
    best = np.full((n_parts, len(sides)), np.inf)
    begun = time.process_time()
    for number in range(_MOST_ROUNDS):
        if number >= _ROUNDS and time.process_time() - begun > _ENOUGH_S:
            break
        for i, part in enumerate(parts):
            for at in range(len(sides)) if (i + number) % 2 else reversed(range(len(sides))):
                began = time.process_time()
                sides[at](part, _K)
                best[i, at] = min(best[i, at], time.process_time() - began)
    found = (best.sum(axis=0) / (n_parts * batch) * 1e6).tolist()
    return found[0], found[1] if len(found) > 1 else None


if __name__ == "__main__":
    main()
