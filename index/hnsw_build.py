"""Grows an HNSW graph node by node, and measures its recall on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.arranged import arranged
from index.engine import Built, Progress
from index.groups import Groups, label_groups
from index.held_out import n_held_out, recall_at
from index.hnsw import HnswEngine, HnswParameters
from index.library import faiss
from index.locality import by_likeness
from index.threads import apply_threads

_TRAINING_ROWS = 50_000
_NODES_A_STEP = 1_024


def arrange(rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], Groups]:
    """The order in which rows become nodes: like beside like, those to be held out last.

    Args:
        rows: (N, d) float32 unit rows.

    Returns:
        (N,) int64 row numbers, and their groups in this order. The same for the same rows.
    """
    labels = label_groups(rows)
    n_groups = int(labels.max()) + 1 if len(labels) else 0
    heads = np.unique(labels, return_index=True)[1]
    order = by_likeness(rows if n_groups == len(rows) else arranged(rows, heads))
    held_out = np.zeros(n_groups, dtype=np.bool_)
    held_out[np.random.default_rng(n_groups).permutation(n_groups)[: n_held_out(n_groups)]] = True
    order = order[np.argsort(held_out[order], kind="stable")]
    place = np.empty(n_groups, dtype=np.int64)
    place[order] = np.arange(n_groups)
    placed = place[labels]
    offsets = np.concatenate([[0], np.bincount(placed, minlength=n_groups).cumsum()])
    return np.argsort(placed, kind="stable"), Groups(offsets.astype(np.int64))


def build_hnsw(rows: NDArray[np.float32], parameters: HnswParameters, report: Progress) -> Built:
    """Arrange (N, d) unit rows, then link them."""
    order, groups = arrange(rows)
    engine, recall_at_10, recall_at_100 = grow(arranged(rows, order), groups, parameters, report)
    return Built(engine, order, recall_at_10, recall_at_100)


def grow(
    rows: NDArray[np.float32], groups: Groups, parameters: HnswParameters, report: Progress
) -> tuple[HnswEngine, float | None, float | None]:
    """Link all nodes; before the last ones are linked, look them up among the others.

    So recall is that of queries which the graph has never seen, and yet no item is left out.

    Args:
        rows: (N, d) float32 unit rows as arranged.
        groups: Of these rows.
        parameters: How to build.
        report: Told of the progress.

    Returns:
        The engine, its recall at 10 and at 100 (None where there are too few rows to tell).
    """
    heads = groups.offsets[:-1]  # the first row of a group stands for all of it
    n_nodes = groups.n_nodes
    graph = _empty(rows.shape[1], parameters)
    sample = np.random.default_rng(n_nodes).permutation(n_nodes)[:_TRAINING_ROWS]
    apply_threads()
    if n_nodes:
        graph.train(rows[heads[np.sort(sample)]])

    def link(first: int, last: int) -> None:
        for start in range(first, last, _NODES_A_STEP):
            stop = min(start + _NODES_A_STEP, last)
            graph.add(rows[heads[start:stop]])
            report("linking the graph", stop, n_nodes)

    n_first = n_nodes - n_held_out(n_nodes)
    link(0, n_first)
    seen = groups.first(n_first)
    queries = rows[heads[n_first:]]
    recalls: list[float | None] = []
    for k in (10, 100):
        report("measuring recall", len(recalls), 2)
        engine = HnswEngine(graph, seen, parameters, rows[: seen.n_rows])
        recalls.append(recall_at(k, engine, rows[: seen.n_rows], queries))
    report("measuring recall", 2, 2)
    link(n_first, n_nodes)
    return HnswEngine(graph, groups, parameters, rows), recalls[0], recalls[1]


def _empty(dim: int, parameters: HnswParameters) -> Any:
    """A ``faiss.IndexHNSW`` without nodes."""
    library = faiss()
    metric = library.METRIC_INNER_PRODUCT
    if parameters.storage == "fp32":
        graph = library.IndexHNSWFlat(dim, parameters.m, metric)
    else:
        values = library.ScalarQuantizer
        value = values.QT_8bit if parameters.storage == "sq8" else values.QT_fp16
        graph = library.IndexHNSWSQ(dim, value, parameters.m, metric)
    graph.hnsw.efConstruction = parameters.ef_construction
    return graph
