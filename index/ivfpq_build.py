"""Puts rows into lists of like ones, learns their codes, and measures what is found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.arranged import arranged
from index.engine import Built, Progress
from index.held_out import measured
from index.ivfpq import IvfPqEngine, IvfPqParameters
from index.ivfpq_parts import N_VALUES, IvfPqParts
from index.library import faiss
from index.threads import apply_threads

_ROWS_A_LIST = 96  # at least
_LEARNT_A_LIST = 64  # FAISS warns below 39
_MAX_LISTS = 2_048
_ROUNDS = 5
_TRAINING_ROWS = 50_000
_ROWS_A_STEP = 16_384


def build_ivfpq(rows: NDArray[np.float32], parameters: IvfPqParameters, report: Progress) -> Built:
    """Build from (N, d) unit rows; positions are in order of the lists.

    Recall is that of up to 1,000 rows, drawn by chance, looked up among the others.
    """
    apply_threads()
    n_rows, dim = rows.shape
    sample = _sample(rows, _TRAINING_ROWS)
    centroids, nearest = _lists(rows, parameters, report)
    order = np.argsort(nearest, kind="stable")
    sizes = np.bincount(nearest, minlength=len(centroids))
    offsets = np.concatenate([[0], sizes.cumsum()]).astype(np.int64)
    codes = _trained(dim, parameters.n_codes(dim), sample)
    ordered = arranged(rows, order)
    encoded = np.empty((n_rows, codes.code_size), dtype=np.uint8)
    for start in range(0, n_rows, _ROWS_A_STEP):
        step = slice(start, start + _ROWS_A_STEP)
        encoded[step] = codes.compute_codes(ordered[step])
        report("encoding rows", min(step.stop, n_rows), n_rows)
    codebook = faiss().vector_to_array(codes.centroids).reshape(codes.M, N_VALUES, codes.dsub)
    parts = IvfPqParts(centroids, codebook, encoded, offsets)
    engine = IvfPqEngine(parts, parameters, ordered)
    at_10, at_100 = measured(engine, ordered, report)
    return Built(engine, order, at_10, at_100)


def n_lists(parameters: IvfPqParameters, n_rows: int) -> int:
    """Into how many lists so many rows are put."""
    fitting = min(_MAX_LISTS, n_rows // _ROWS_A_LIST)
    return max(1, min(parameters.lists or fitting, n_rows))


def _lists(
    rows: NDArray[np.float32], parameters: IvfPqParameters, report: Progress
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Centroids (L, d), and the list of each row (N,)."""
    n_rows, dim = rows.shape
    chosen = n_lists(parameters, n_rows)
    if chosen == 1:
        report("finding lists", 1, 1)
        return np.zeros((1, dim), np.float32), np.zeros(n_rows, np.int64)
    clusters = faiss().Kmeans(
        dim,
        chosen,
        niter=_ROUNDS,
        spherical=True,
        seed=1,
        max_points_per_centroid=_LEARNT_A_LIST,
        min_points_per_centroid=1,
    )
    report("finding lists", 0, n_rows)
    clusters.train(rows)
    nearest = np.empty(n_rows, dtype=np.int64)
    for start in range(0, n_rows, _ROWS_A_STEP):
        step = slice(start, start + _ROWS_A_STEP)
        nearest[step] = clusters.index.search(rows[step], 1)[1][:, 0]
        report("finding lists", min(step.stop, n_rows), n_rows)
    return clusters.centroids, nearest


def _trained(dim: int, n_codes: int, sample: NDArray[np.float32]) -> Any:
    """A ``faiss.ProductQuantizer`` of 4 bits."""
    codes = faiss().ProductQuantizer(dim, n_codes, 4)
    codes.cp.min_points_per_centroid = 1
    if len(sample):  # a value needs a row to learn from, whichever
        codes.train(np.resize(sample, (max(len(sample), N_VALUES), dim)))
    return codes


def _sample(rows: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    chosen = np.random.default_rng(len(rows)).permutation(len(rows))[:n]
    return rows[np.sort(chosen)]
