"""Queries in int8: near float32, the same in every batch, on one thread, and only where it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import scoring.backbone
import scoring.int8_bert
from scoring import Encoder, PrecisionError, load_encoder
from scoring.bert import Bert, read_weights
from scoring.folder import find_folder, read_folder
from scoring.int8_bert import Int8Bert, can_run, quantised

TEXTS = ["red mug", "a big blue tea set for the bike", "cable", "green cup"]
QUERIES = [
    "wireless headphones",
    "kids bike 16 inch",
    "stainless steel water bottle 1l",
    "doormat",
    "vintage tea cup set for six persons, dishwasher safe, in a gift box",
]

needs_onnx = pytest.mark.skipif(not can_run(), reason="needs the extra onnx")


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return load_encoder(threads=1, precision="int8")


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (a * b).sum(axis=1)
    return found


def test_a_weight_is_off_by_half_a_step_at_most() -> None:
    weight = torch.randn(5, 150, generator=torch.Generator().manual_seed(1))
    weight[2, :64] = 0.0
    weight[3, 80] = 50.0  # an outlier makes its own block coarse, and no other
    codes, scales = quantised(weight)
    assert (codes.shape, scales.shape) == ((5, 3, 64), (5, 3))  # 150 = 64 + 64 + 22, filled up
    again = (codes.astype(np.float32) - 128) * scales[:, :, None]
    off = np.abs(again.reshape(5, 192)[:, :150] - weight.numpy())
    allowed = np.repeat(scales, 64, axis=1)[:, :150] / 2
    assert (off <= allowed + 1e-6).all()
    assert off[3, :64].max() < 0.02 < off[3, 64:128].max()
    assert (again[2, 0] == 0).all()


@needs_onnx
def test_int8_points_where_float32_does(tiny_bert: Path) -> None:
    exact = load_encoder(tiny_bert, threads=1, precision="float32")
    coarse = load_encoder(tiny_bert, threads=1, precision="int8")
    found = cosines(coarse.encode_queries(TEXTS), exact.encode_queries(TEXTS))
    assert 0.999 < found.min() < 1 - 1e-6  # rounded, and well
    assert coarse.version == exact.version


@needs_onnx
def test_minilm_keeps_its_vectors_in_int8(minilm: Encoder) -> None:
    exact = load_encoder(threads=1, precision="float32")
    assert cosines(minilm.encode_queries(QUERIES), exact.encode_queries(QUERIES)).min() > 0.999


@needs_onnx
def test_a_query_has_one_vector_whatever_is_in_its_batch(minilm: Encoder) -> None:
    together = minilm.encode_queries(QUERIES)
    for text, row in zip(QUERIES, together, strict=True):
        np.testing.assert_allclose(minilm.encode_queries([text])[0], row, atol=1e-6)


@needs_onnx
def test_items_are_not_encoded_in_int8(tiny_bert: Path) -> None:
    int8 = load_encoder(tiny_bert, threads=1, precision="int8")
    assert not np.array_equal(int8.encode_items(TEXTS), int8.encode_queries(TEXTS))
    exact = load_encoder(tiny_bert, threads=1, precision="float32").encode_items(TEXTS)
    assert cosines(int8.encode_items(TEXTS), exact).min() > 0.999


@needs_onnx
def test_one_thread_is_the_callers_own(tiny_bert: Path) -> None:
    folder = read_folder(find_folder(tiny_bert))
    weights = read_weights(folder.path)
    embed = Bert(weights, folder.config, torch.float32, torch.device("cpu")).embed
    alive, ones = Path("/proc/self/task"), torch.ones(4, 5, dtype=torch.long)

    def threads_of(threads: int) -> int:
        before = len(list(alive.iterdir()))
        model = Int8Bert(weights, folder.config, embed, threads)
        model(ones, ones)
        return len(list(alive.iterdir())) - before

    assert threads_of(1) == 0
    assert threads_of(3) == 2


def test_int8_is_refused_for_what_is_not_plain_bert(tiny_distilbert: Path) -> None:
    with pytest.raises(PrecisionError, match="distilbert"):
        load_encoder(tiny_distilbert, threads=1, precision="int8")
    load_encoder(tiny_distilbert, threads=1)  # auto does without


def test_without_the_extra_auto_does_without_and_int8_says_what_to_install(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring.backbone, "can_run", lambda: False)
    auto = load_encoder(tiny_bert, threads=1)
    assert np.array_equal(auto.encode_queries(TEXTS), auto.encode_items(TEXTS))
    with pytest.raises(PrecisionError, match=r"rillstream\[onnx\]"):
        load_encoder(tiny_bert, threads=1, precision="int8")


@needs_onnx
def test_a_model_that_int8_would_bend_is_served_without(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    kept = load_encoder(tiny_bert, threads=1)
    assert not np.array_equal(kept.encode_queries(TEXTS), kept.encode_items(TEXTS))
    monkeypatch.setattr(scoring.int8_bert, "_LARGEST", 3)  # steps forty times as coarse
    auto = load_encoder(tiny_bert, threads=1)
    assert np.array_equal(auto.encode_queries(TEXTS), auto.encode_items(TEXTS))
    with pytest.raises(PrecisionError, match="another model"):
        load_encoder(tiny_bert, threads=1, precision="int8")
