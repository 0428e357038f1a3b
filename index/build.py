"""Items and their vectors -> a published version, its recall measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item, checked_popularity
from index.checks import check_distinct, check_items, unit_rows
from index.choice import USUAL_RECALL, choose
from index.engine import Progress
from index.engines import EngineParameters, as_asked_for, build_engine, check_name
from index.errors import RecallError, RejectedInputError
from index.hashes import item_hashes
from index.manifest import Manifest
from index.staging import Staged
from index.store import IndexStore
from index.writing import Build

_ROWS_A_STEP = 1_024


def build_index(
    store: IndexStore,
    items: Sequence[Item],
    vectors: NDArray[np.float32],
    *,
    encoder_version: str,
    engine: str = "auto",
    parameters: EngineParameters | None = None,
    popularity: NDArray[np.float32] | None = None,
    progress: Progress | None = None,
    make_current: bool = True,
    items_read: Mapping[str, int] | None = None,
) -> Manifest:
    """Build a version from what is in memory, measure it, publish it.

    The recall of HNSW is measured on items that are not in the graph yet: up to 1,000, drawn by
    chance, are looked up among the others and added afterwards. They become the last rows, so rows
    are not in the order of ``items``: ask ``Catalogue.position``.

    Args:
        store: Where it goes.
        items: N items with distinct ids.
        vectors: (N, d), row i belongs to item i. Scaled to unit length here; a zero row stays zero.
        encoder_version: The model that made them.
        engine: A name of ``index.engines``, or ``auto``: as ``index.choice`` finds from the size
            and the recall wanted.
        parameters: Of this engine; None = the measured defaults.
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
    report = progress or ignore
    if engine != "auto":
        check_name(engine)
    check_items(items)
    check_distinct(items)
    n = len(items)
    if vectors.ndim != 2 or len(vectors) != n or vectors.shape[1] == 0:
        raise RejectedInputError(f"vectors have shape {vectors.shape}, {n} items need ({n}, d)")
    known = np.zeros(n, np.float32) if popularity is None else checked_popularity(popularity, n)
    rows = np.empty(vectors.shape, dtype=np.float32)
    for start in range(0, n, _ROWS_A_STEP):
        step = slice(start, start + _ROWS_A_STEP)
        rows[step] = unit_rows(vectors[step], items[step])
        report("checking vectors", min(step.stop, n), n)
    hashes = np.hstack([np.zeros((n, 2), np.uint64), item_hashes(items)])
    return build_staged(
        store,
        Staged(items, rows, hashes, known.astype(np.float32)),
        encoder_version=encoder_version,
        engine=engine,
        parameters=parameters,
        progress=progress,
        make_current=make_current,
        items_read=items_read,
        started_s=started_s,
    )


def build_staged(
    store: IndexStore,
    staged: Staged,
    *,
    encoder_version: str,
    engine: str = "auto",
    parameters: EngineParameters | None = None,
    progress: Progress | None = None,
    make_current: bool = True,
    items_read: Mapping[str, int] | None = None,
    min_recall: float = 0.0,
    build_parameters: Mapping[str, int | float | str] | None = None,
    started_s: float | None = None,
) -> Manifest:
    """Build a version from what is staged, on disk or not; see ``build_index``.

    Args:
        store: Where it goes.
        staged: Items with distinct ids, unit vectors, hashes and popularity.
        encoder_version: The model that made the vectors.
        engine: As for ``build_index``.
        parameters: As for ``build_index``.
        progress: As for ``build_index``.
        make_current: As for ``build_index``.
        items_read: As for ``build_index``.
        min_recall: Recall at 100 below which nothing is published.
        build_parameters: More of what was asked for, as the manifest keeps it.
        started_s: ``time.monotonic()`` when the build began; None = now.

    Raises:
        RecallError: It falls below its target.
        UnknownEngineError: There is no such engine.
    """
    started_s = time.monotonic() if started_s is None else started_s
    report = progress or ignore
    rows = staged.vectors
    name, by_hand = engine, parameters if engine != "auto" else None
    if engine == "auto":
        choice = choose(len(rows), rows.shape[1], recall=max(min_recall, USUAL_RECALL))
        name, parameters = choice.engine, parameters or choice.parameters
    built = build_engine(name, rows, parameters, report)
    if built.recall_at_100 is not None and built.recall_at_100 < min_recall:
        raise RecallError(
            f"recall@100 is {built.recall_at_100:.4f}, the target is {min_recall:g}: nothing was "
            "published. Build with --engine exact, or lower --min-recall"
        )
    report("writing", 0, 1)
    manifest = store.publish(
        Build(
            encoder_version=encoder_version,
            items=staged.items,
            vectors=rows,
            popularity=staged.popularity,
            engine=built.engine,
            recall_at_10=built.recall_at_10,
            recall_at_100=built.recall_at_100,
            started_s=started_s,
            items_read=items_read or {},
            build_parameters={
                "engine": engine,
                "min_recall": min_recall,
                **({} if by_hand is None else as_asked_for(by_hand)),
                **(build_parameters or {}),
            },
            order=built.order,
            hashes=staged.hashes,
        )
    )
    if make_current:
        store.set_current(manifest.version)
    report("writing", 1, 1)
    return manifest


def ignore(stage: str, done: int, total: int) -> None:
    """Nobody watches."""
