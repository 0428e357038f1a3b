"""Items and their vectors -> a published version, with its recall measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from index.catalogue import Catalogue, Item
from index.errors import RejectedInputError, UnknownEngineError
from index.exact import ExactEngine
from index.hnsw import HnswEngine, HnswParameters
from index.recall import recall
from index.store import Build, IndexStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from index.manifest import Manifest

Progress = Callable[[str, int, int], None]

# Below this, comparing every row takes less time than walking a graph (docs/benchmarks-index.md).
EXACT_UP_TO = 5_000
_MAX_HELD_OUT = 1_000
_ROWS_A_STEP = 1_024
_TRAINING_ROWS = 50_000


def build_index(
    store: IndexStore,
    items: Sequence[Item],
    vectors: NDArray[np.float32],
    *,
    encoder_version: str,
    engine: str = "auto",
    parameters: HnswParameters | None = None,
    popularity: NDArray[np.float32] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    make_current: bool = True,
) -> Manifest:
    """Build a version, measure it, publish it.

    An approximate engine's recall is measured on items that are not in the graph yet: up to 1,000 drawn by chance
    are queried against the others, and added afterwards. They are the last rows of such a version, so that
    rows are not in the order of ``items`` (ask ``Catalogue.position``).

    Args:
        store: Where to.
        items: N items with distinct ids.
        vectors: (N, d) float32, row i belongs to item i. Scaled to unit length here; a zero row stays zero.
        encoder_version: The model that made them.
        engine: ``exact``, ``hnsw``, or ``auto``: exact up to 5,000 items, hnsw above.
        parameters: For hnsw; None = the measured defaults.
        popularity: (N,) at least 0, in any unit; None = unknown.
        progress: Called with a stage's name, what is done of it, and its total.
        make_current: Whether the store shall point at the new version.

    Returns:
        The new version's manifest.

    Raises:
        RejectedInputError: Items, vectors and popularity do not fit together, or are not usable.
        UnknownEngineError: There is no such engine.
    """
    started_s = time.monotonic()
    report = progress or _ignore
    if engine not in ("auto", ExactEngine.name, HnswEngine.name):
        raise UnknownEngineError(f"unknown engine {engine!r}, there are: auto, exact, hnsw")
    if engine == "auto":
        engine = ExactEngine.name if len(items) <= EXACT_UP_TO else HnswEngine.name
    checked = Catalogue.from_items(items, popularity)  # before the long work
    rows = _unit_rows(vectors, items, report)
    build = Build(
        encoder_version=encoder_version,
        items=items,
        vectors=rows,
        popularity=checked.popularity,
        engine=engine,
        parameters={},
        recall_at_10=1.0,
        recall_at_100=1.0,
        started_s=started_s,
    )
    if engine == HnswEngine.name:
        build = _hnsw(build, parameters or HnswParameters(), report)
    report("write", 0, 1)
    manifest = store.publish(build)
    if make_current:
        store.set_current(manifest.version)
    report("write", 1, 1)
    return manifest


def _ignore(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def _unit_rows(
    vectors: NDArray[np.float32], items: Sequence[Item], report: Progress
) -> NDArray[np.float32]:
    """A copy with rows of length 1, or 0 where they were 0."""
    if vectors.ndim != 2 or len(vectors) != len(items) or vectors.shape[1] == 0:
        raise RejectedInputError(
            f"vectors have shape {vectors.shape}, {len(items)} items need ({len(items)}, d) with d of at least 1"
        )
    rows = np.empty(vectors.shape, dtype=np.float32)
    for start in range(0, len(rows), _ROWS_A_STEP):
        chunk = vectors[start : start + _ROWS_A_STEP].astype(np.float64)
        norms = np.linalg.norm(chunk, axis=1, keepdims=True)
        if not np.isfinite(norms).all():
            bad = start + int(np.flatnonzero(~np.isfinite(norms[:, 0]))[0])
            raise RejectedInputError(f"the vector of item {items[bad].item_id!r} is not finite")
        rows[start : start + _ROWS_A_STEP] = chunk / np.where(norms > 0, norms, 1.0)
        report("check", min(start + _ROWS_A_STEP, len(rows)), len(rows))
    return rows


def _hnsw(build: Build, parameters: HnswParameters, report: Progress) -> Build:
    """The same with a graph, its rows reordered so that the held-out ones come last."""
    n, dim = build.vectors.shape
    rng = np.random.default_rng(n)  # the same input gives the same index
    n_held_out = min(_MAX_HELD_OUT, n // 10)
    order = np.concatenate(_split(rng, n, n_held_out))
    rows = build.vectors[order]
    engine = HnswEngine.empty(dim, parameters)
    engine.train(rows[rng.permutation(n)[:_TRAINING_ROWS]])
    n_first = n - n_held_out
    _add(engine, rows, 0, n_first, report)
    report("recall", 0, 2)
    at_10 = _measure(engine, rows[:n_first], rows[n_first:], 10)
    report("recall", 1, 2)
    at_100 = _measure(engine, rows[:n_first], rows[n_first:], 100)
    report("recall", 2, 2)
    _add(engine, rows, n_first, n, report)
    items = build.items
    return Build(
        encoder_version=build.encoder_version,
        items=[items[i] for i in order.tolist()],
        vectors=rows,
        popularity=build.popularity[order],
        engine=build.engine,
        parameters=engine.parameters,
        graph=engine.graph,
        recall_at_10=at_10,
        recall_at_100=at_100,
        started_s=build.started_s,
    )


def _split(
    rng: np.random.Generator, n: int, n_held_out: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to build from in their old order, and rows to query with."""
    held_out = np.zeros(n, dtype=np.bool_)
    held_out[rng.permutation(n)[:n_held_out]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _add(
    engine: HnswEngine, rows: NDArray[np.float32], first: int, last: int, report: Progress
) -> None:
    for start in range(first, last, _ROWS_A_STEP):
        stop = min(start + _ROWS_A_STEP, last)
        engine.add(rows[start:stop])
        report("graph", stop, len(rows))


def _measure(
    engine: HnswEngine, rows: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> float | None:
    """Recall against exact search of the same rows; None without queries."""
    depth = min(k, len(rows))
    if not len(queries) or not depth:
        return None
    kth_scores = ExactEngine(rows).search(queries, depth)[0][:, -1]
    return recall(rows, queries, engine.search(queries, depth)[1], kth_scores)
