"""Models on a GPU say what they say on the CPU. Skipped where there is no GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scoring.encoder import load_encoder
from scoring.folder import find_folder
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]

TEXTS = ["red mug", "", "a " * 300, *(f"a big blue cup number {n}" for n in range(600))]


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.99999), ("auto", 0.999)])
def test_texts_have_the_same_vectors(precision: str, least: float) -> None:
    folder: Path = find_folder(None)
    ours = load_encoder(folder, threads=1, precision="float32")
    theirs = load_encoder(folder, threads=1, precision=precision, device="cuda")  # type: ignore[arg-type]

    for encode in ("encode_items", "encode_queries"):
        found, expected = getattr(theirs, encode)(TEXTS), getattr(ours, encode)(TEXTS)
        assert (found * expected).sum(axis=1).min() > least
    assert theirs.version == ours.version


@pytest.mark.parametrize("n_codes", [0, 50])
@pytest.mark.parametrize("n_pairs", [0, 1, 12_800])
def test_heads_give_the_same_chances(n_codes: int, n_pairs: int) -> None:
    torch.manual_seed(0)
    network = HeadsNetwork(40, 3, n_codes=n_codes, pieces=Pieces(16))
    network.items.data.normal_()
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_pairs, 40)).astype(np.float32)
    codes = rng.integers(0, max(n_codes, 1), n_pairs)
    heads = Heads.of(tuple(map(str, range(40))), ("ctr", "engagement", "value"), network)

    there = heads.on(torch.device("cuda"))

    assert there.version == heads.version
    np.testing.assert_allclose(there.score(rows, codes), heads.score(rows, codes), atol=1e-5)
