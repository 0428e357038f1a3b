"""An index of any size made from the sample shop: its item vectors, each perturbed many times."""

from pathlib import Path

import numpy as np

from index import IndexStore, Item, Manifest, build_index
from scoring import Encoder, load_encoder
from streams.demo.shop import sample_items
from streams.indexed import as_indexed

NOISE = 0.6  # length of the perturbation beside a unit vector: cosine .86 to the original


def ensure_index(folder: Path, n_items: int, engine: str) -> Path:
    """Folder of an index with so many items; built once, kept for the next run."""
    root = folder / f"{engine}-{n_items}"
    store = IndexStore(root)
    if store.current() is None:
        build_big(store, load_encoder(None, threads=2), n_items, engine)
    return root


def build_big(store: IndexStore, encoder: Encoder, n_items: int, engine: str) -> Manifest:
    """A version of so many items with the vectors of this encoder, made current."""
    originals = [as_indexed(item) for item in sample_items()]
    vectors = encoder.encode_items([encoder.item_text(item) for item in originals])
    rng = np.random.default_rng(17)
    noise = rng.standard_normal((n_items, vectors.shape[1])).astype(np.float32)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    chosen = rng.integers(0, len(originals), n_items)
    copies = vectors[chosen] + noise
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    items = [
        Item(item_id=f"item-{n:08d}", title=originals[at].title, price=originals[at].price)
        for n, at in enumerate(chosen.tolist())
    ]
    popularity = rng.zipf(1.5, n_items).clip(max=10_000).astype(np.float32)
    return build_index(
        store, items, copies, encoder_version=encoder.version, engine=engine, popularity=popularity
    )
