"""Real item vectors for the index benchmarks, more of them by perturbing, and queries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from index import ExactEngine
from scoring import load_encoder
from streams.demo.shop import sample_items
from streams.indexed import as_indexed

Vectors = NDArray[np.float32]

N_QUERIES = 1_000
NOISE = 0.35  # beside a unit vector: cosine .94 to the original


def item_texts(source: str | None) -> list[str]:
    """Texts of the items of this source, or of the sample shop."""
    if source:
        return texts(source)
    model = load_encoder(None, threads=1)
    return [model.item_text(as_indexed(item)) for item in sample_items()]


def texts(source: str) -> list[str]:
    """Rows of these columns, joined; empty ones left out."""
    path, _, columns = source.rpartition(":")
    table = pq.read_table(path, columns=columns.split(",")).to_pylist()
    texts = (" ".join(value for value in row.values() if value) for row in table)
    return [text for text in texts if text.strip()]


def distinct(texts: list[str], rng: np.random.Generator) -> list[str]:
    """Some of the distinct texts, drawn by chance."""
    distinct = sorted({text.strip().lower() for text in texts})
    return [distinct[i] for i in rng.permutation(len(distinct))[:N_QUERIES]]


def encoder(cache: Path) -> Callable[[list[str]], Vectors]:
    """Encodes texts, once for each list of them."""

    def encode(texts: list[str]) -> Vectors:
        cache.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        path = cache / f"{name}.npy"
        if not path.exists():
            print(f"encoding {len(texts):,} texts")
            np.save(path, load_encoder(None, threads=1).encode_items(texts))
        vectors: Vectors = np.load(path)
        return vectors

    return encode


def enlarged(vectors: Vectors, count: int) -> Vectors:
    """The first of these, or as many perturbed ones behind them as are missing."""
    rng = np.random.default_rng(1)
    missing = max(0, count - len(vectors))
    noise = rng.standard_normal((missing, vectors.shape[1])).astype(np.float32)
    copies = vectors[rng.integers(0, len(vectors), missing)] + NOISE * unit(noise)
    return np.concatenate([vectors[:count], copies])


def unit(vectors: Vectors) -> Vectors:
    """The rows, scaled to length 1."""
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def interests(rows: Vectors, around: Vectors, rng: np.random.Generator) -> Vectors:
    """As of a shopper's history: six items near each other, older ones count less, and a stray."""
    near = ExactEngine(rows).search(np.ascontiguousarray(around), 30)[1]
    weights = 0.7 ** np.arange(6)
    chosen = np.stack([rows[rng.choice(found, 6)] for found in near])  # (B, 6, d)
    strays = rows[rng.integers(0, len(rows), len(near))]
    return unit((np.einsum("bid,i->bd", chosen, weights) + 0.5 * strays).astype(np.float32))
