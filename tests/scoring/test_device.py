"""Devices by name, and that nothing of a model stays on the CPU where a GPU is asked for.

That the numbers are the same is tested on a GPU: tests/gpu.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from scoring.backbone import load_backbones, load_pair_backbone
from scoring.device import device_of
from scoring.encoder import load_encoder, pool
from scoring.errors import DeviceError, PrecisionError
from scoring.folder import read_folder
from scoring.pairs import pool_sides
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces
from scoring.ranker.served import ServedNetwork
from tests.scoring.fake_gpu import GPU


def test_the_processor_is_a_device() -> None:
    assert device_of("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu", "", "mps", "cuda:x"])
def test_other_names_are_none(name: str) -> None:
    with pytest.raises(DeviceError, match="use cpu"):
        device_of(name)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device_of("cuda:0") == torch.device("cuda:0")
    with pytest.raises(DeviceError, match=r"cuda:1 is asked for and torch .* sees 1 GPU:"):
        device_of("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError, match="sees no GPU: look at nvidia-smi"):
        device_of("cuda")


def test_an_encoder_asks_for_its_device(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError):
        load_encoder(tiny_bert, threads=1, device="cuda")


def test_int8_is_for_the_processor(tiny_bert: Path) -> None:
    with pytest.raises(PrecisionError, match="int8 is for the CPU, not for cuda"):
        load_backbones(read_folder(tiny_bert), "int8", 1, GPU)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_distilbert"])
def test_all_of_an_encoder_is_on_the_gpu(
    kind: str, request: pytest.FixtureRequest, fake_gpu: FakeTensorMode
) -> None:
    folder = read_folder(request.getfixturevalue(kind))
    backbones = load_backbones(folder, "float32", 1, GPU)
    tokens, mask = torch.tensor([[2, 3, 0], [2, 4, 3]]), torch.tensor([[1, 1, 0], [1, 1, 1]])

    with fake_gpu:
        hidden = backbones.items(tokens, mask)

    assert (hidden.device.type, hidden.shape) == ("cuda", (2, 3, folder.dim))
    assert pool(hidden, mask.to(GPU), folder.pooling).device.type == "cuda"
    assert backbones.queries is backbones.items
    assert backbones.at_once > 32


def test_all_of_what_reads_pairs_is_on_the_gpu(tiny_bert: Path, fake_gpu: FakeTensorMode) -> None:
    reads = load_pair_backbone(read_folder(tiny_bert), "float32", GPU)
    tokens, segments = torch.tensor([[2, 4, 3]]), torch.tensor([[0, 0, 1]])

    with fake_gpu:
        hidden = reads(tokens, torch.ones_like(tokens), segments)

    assert hidden.device.type == "cuda"
    assert pool_sides(hidden, segments.to(GPU)).device.type == "cuda"


@pytest.mark.parametrize("n_hidden", [0, 2])
@pytest.mark.parametrize("n_codes", [0, 7])
def test_all_of_the_heads_are_on_the_gpu(
    n_hidden: int, n_codes: int, fake_gpu: FakeTensorMode
) -> None:
    network = HeadsNetwork(5, 2, width=8, n_hidden=n_hidden, n_codes=n_codes, pieces=Pieces(3))
    network.items.data.normal_()
    served = ServedNetwork(network.eval(), GPU)

    with fake_gpu:
        logits = served.calibrated(torch.ones(5, 3_000), torch.zeros(3_000, dtype=torch.int64))

    assert (logits.device.type, logits.shape) == ("cuda", (2, 3_000))


def test_heads_stay_where_they_are() -> None:
    heads = Heads.of(("a", "b"), ("ctr",), HeadsNetwork(2, 1))
    assert heads.on(torch.device("cpu")) is heads
    assert heads.served.device == torch.device("cpu")
    rows = np.ones((3, 2), np.float32)
    np.testing.assert_array_equal(
        heads.score(rows), Heads.of(("a", "b"), ("ctr",), heads.network).score(rows)
    )
