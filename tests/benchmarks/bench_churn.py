"""What a live index finds of real products after many of them have changed, beside a rebuild.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_churn --items FILE.parquet:column,column

A version of most products; then some of its items are deleted, as many get the vector of a product
that is in no version, and as many are new. Truth is exhaustive search over what is left. "built
anew" is a version of just these items with nothing changed since.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from index import IndexStore, Item, LiveIndex, build_index, set_threads
from index.brute import nearest
from index.recall import recall
from tests.benchmarks.item_vectors import N_QUERIES, Vectors, encoder, item_texts, unit

_K: Final = 100
_BATCH: Final = 64
_ROUNDS: Final = 3
_SHARES: Final = (0.0, 0.05, 0.2)
_INCOMING: Final = 0.15  # of the products: in no version, they arrive later


@dataclass(frozen=True, slots=True)
class Shop:
    """Vectors by item id, as they are now.

    Attributes:
        live: What workers search.
        now: Item -> its vector.
    """

    live: LiveIndex
    now: dict[str, Vectors]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", help="FILE.parquet:column,column; the sample shop without it")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "bench-index")
    options = parser.parse_args()
    set_threads(1)
    vectors = unit(encoder(options.cache)(item_texts(options.items)))
    vectors = vectors[np.random.default_rng(7).permutation(len(vectors))]
    queries, rest = vectors[:N_QUERIES], vectors[N_QUERIES:]
    n_incoming = round(_INCOMING * len(rest))
    incoming, rows = rest[:n_incoming], rest[n_incoming:]
    print(f"{len(rows):,} items x {rows.shape[1]}; k = {_K}; {N_QUERIES:,} items as queries\n")
    print("| engine | changed | rows beside the version | recall@100 at effort 1 | 2 | 4 ", end="")
    print("| µs a query at effort 1 |\n" + "|---" * 7 + "|")
    for engine in ("exact", "hnsw", "ivfpq"):
        for share in _SHARES:
            shop = changed(rows, incoming, engine, share)
            label = f"{share:.0%}"
            print(f"| {engine} | {label} | {_figures(shop, queries)} |", flush=True)
        anew = built(list(shop.now), np.array(list(shop.now.values())), engine)
        print(f"| {engine} | {label}, built anew | {_figures(anew, queries)} |", flush=True)


def built(ids: list[str], rows: Vectors, engine: str) -> Shop:
    """A version of these items, and nothing changed since."""
    items = [Item(item_id=item_id, title="") for item_id in ids]
    with tempfile.TemporaryDirectory(prefix="bench-churn-") as folder:
        store = IndexStore(folder)
        build_index(store, items, rows, encoder_version="benchmark", engine=engine)
        live = LiveIndex(store.open())  # its files stay mapped after their names are gone
    return Shop(live, dict(zip(ids, rows, strict=True)))


def changed(rows: Vectors, incoming: Vectors, engine: str, share: float) -> Shop:
    """A version of these rows, of which a share was changed: a third deleted, replaced, new."""
    shop = built([str(number) for number in range(len(rows))], rows, engine)
    third = round(share * len(rows) / 3)
    drawn = np.random.default_rng(8).permutation(len(rows))[: 2 * third]
    for number in drawn[:third].tolist():
        shop.live.delete(str(number))
        del shop.now[str(number)]
    arriving = iter(incoming)
    names = [str(number) for number in drawn[third:].tolist()]
    for item_id in names + [f"new-{number}" for number in range(third)]:
        vector = next(arriving)
        shop.live.upsert(Item(item_id=item_id, title=""), vector)
        shop.now[item_id] = vector
    return shop


def _figures(shop: Shop, queries: Vectors) -> str:
    live = shop.live
    left = np.array(list(shop.now.values()))
    kth = nearest(left, queries, _K)[0][:, -1]
    at = np.zeros((len(live), live.dim), np.float32)  # where nothing is now scores 0
    at[live.catalogue.positions(list(shop.now))] = left
    cells = []
    for effort in (1.0, 2.0, 4.0):
        found = [live.search(part, _K, effort=effort).positions for part in _parts(queries)]
        cells.append(f"{recall(at, queries, np.concatenate(found), kth):.4f}")
    times = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        for part in _parts(queries):
            live.search(part, _K)
        times.append(time.process_time() - begun)
    return " | ".join([f"{live.n_delta:,}", *cells, f"{min(times) / len(queries) * 1e6:.0f}"])


def _parts(queries: Vectors) -> Iterator[Vectors]:
    for start in range(0, len(queries), _BATCH):
        yield queries[start : start + _BATCH]


if __name__ == "__main__":
    main()
