"""Items and their vectors -> a published version, its recall measured."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item, checked_popularity
from index.engine import Engine
from index.errors import RejectedInputError, UnknownEngineError
from index.exact import ExactEngine
from index.hnsw import HnswEngine, HnswParameters
from index.hnsw_build import Progress, arrange, grow
from index.manifest import Manifest
from index.store import Build, IndexStore

# Up to here comparing every row stays near 150 µs a query, and misses nothing.
EXACT_UP_TO = 5_000
_ROWS_A_STEP = 1_024


def build_index(
    store: IndexStore,
    items: Sequence[Item],
    vectors: NDArray[np.float32],
    *,
    encoder_version: str,
    engine: str = "auto",
    parameters: HnswParameters | None = None,
    popularity: NDArray[np.float32] | None = None,
    progress: Progress | None = None,
    make_current: bool = True,
    items_read: Mapping[str, int] | None = None,
) -> Manifest:
    """Build a version, measure it, publish it.

    The recall of HNSW is measured on items that are not in the graph yet: up to 1,000, drawn by
    chance, are looked up among the others and added afterwards. They become the last rows, so rows
    are not in the order of ``items``: ask ``Catalogue.position``.

    Args:
        store: Where it goes.
        items: N items with distinct ids.
        vectors: (N, d), row i belongs to item i. Scaled to unit length here; a zero row stays zero.
        encoder_version: The model that made them.
        engine: ``exact``, ``hnsw`` or ``auto``: exact up to 5,000 items, HNSW above.
        parameters: For HNSW; None = the measured defaults.
        popularity: (N,), at least 0, in any unit; None = unknown.
        progress: Called with the name of a stage ("linking the graph"), how much of it is
            done, and its total.
        make_current: Whether the store shall point at the new version.
        items_read: How far the items' topic was read, as the manifest keeps it.

    Returns:
        The new version's manifest.

    Raises:
        RejectedInputError: Items, vectors and popularity do not fit together or cannot be used.
        UnknownEngineError: There is no such engine.
    """
    started_s = time.monotonic()
    report = progress or _ignore
    name = _engine_name(engine, len(items))
    _check_items(items)
    n = len(items)
    known = np.zeros(n, np.float32) if popularity is None else checked_popularity(popularity, n)
    rows = _unit_rows(vectors, items, report)
    built: Engine
    recall_at_10: float | None = 1.0
    recall_at_100: float | None = 1.0
    if name == ExactEngine.name:
        order = np.arange(n)
        built = ExactEngine(rows)
    else:
        order, groups = arrange(rows)
        rows = rows[order]
        built, recall_at_10, recall_at_100 = grow(
            rows, groups, parameters or HnswParameters(), report
        )
    report("writing", 0, 1)
    manifest = store.publish(
        Build(
            encoder_version=encoder_version,
            items=[items[i] for i in order.tolist()],
            vectors=rows,
            popularity=known[order].astype(np.float32),
            engine=built,
            recall_at_10=recall_at_10,
            recall_at_100=recall_at_100,
            started_s=started_s,
            items_read=items_read or {},
            build_parameters={"engine": engine},
        )
    )
    if make_current:
        store.set_current(manifest.version)
    report("writing", 1, 1)
    return manifest


def _ignore(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def _engine_name(wanted: str, n: int) -> str:
    if wanted == "auto":
        return ExactEngine.name if n <= EXACT_UP_TO else HnswEngine.name
    if wanted not in (ExactEngine.name, HnswEngine.name):
        raise UnknownEngineError(f"unknown engine {wanted!r}, there are: auto, exact, hnsw")
    return wanted


def _check_items(items: Sequence[Item]) -> None:
    """What would fail only after the long work, or only when the version is opened."""
    seen: set[str] = set()
    for item in items:
        if not item.item_id:
            raise RejectedInputError(f"the item titled {item.title!r} has an empty item_id")
        if item.item_id in seen:
            raise RejectedInputError(f"item_id {item.item_id!r} occurs twice, keep one row of it")
        seen.add(item.item_id)
        try:
            msgspec.json.encode(item)
        except UnicodeEncodeError as error:
            raise RejectedInputError(
                f"item {item.item_id!r} cannot be written as UTF-8 ({error})"
            ) from error
        if item.price is not None and not math.isfinite(item.price):
            raise RejectedInputError(
                f"item {item.item_id!r} has price {item.price}, leave out an unknown one"
            )


def _unit_rows(
    vectors: NDArray[np.float32],
    items: Sequence[Item],
    report: Progress,
) -> NDArray[np.float32]:
    """The rows as a copy of length 1 each, or 0 where they were 0."""
    n = len(items)
    if vectors.ndim != 2 or len(vectors) != n or vectors.shape[1] == 0:
        raise RejectedInputError(f"vectors have shape {vectors.shape}, {n} items need ({n}, d)")
    rows = np.empty(vectors.shape, dtype=np.float32)
    for start in range(0, n, _ROWS_A_STEP):
        chunk = vectors[start : start + _ROWS_A_STEP].astype(np.float64)
        norms = np.linalg.norm(chunk, axis=1, keepdims=True)
        if not np.isfinite(norms).all():
            bad = items[start + int(np.flatnonzero(~np.isfinite(norms[:, 0]))[0])]
            raise RejectedInputError(f"the vector of item {bad.item_id!r} holds nan or infinity")
        rows[start : start + _ROWS_A_STEP] = chunk / np.where(norms > 0, norms, 1.0)
        report("checking vectors", start + len(chunk), n)
    return rows
