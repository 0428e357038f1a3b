"""Folders that were edited by hand, or lack weights, are refused as what they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scoring import load_encoder
from scoring.errors import CheckpointError, EncoderFormatError
from scoring.int8_bert import can_run
from scoring.language.model import LanguageModel
from scoring.training.checkpoint import read
from scoring.training.recipe import BackboneSettings

Opens = Callable[[Path], object]


def opened(folder: Path) -> object:
    return load_encoder(folder, threads=1, precision="float32")


def opened_in_int8(folder: Path) -> object:
    return load_encoder(folder, threads=1, precision="int8")


def opened_to_learn(folder: Path) -> object:
    return LanguageModel(BackboneSettings(source=str(folder)))


def edited(folder: Path, copy: Path, **said: Any) -> Path:
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | said))
    return copy


@pytest.mark.parametrize(
    "opens",
    [
        opened,
        pytest.param(
            opened_in_int8,
            marks=pytest.mark.skipif(not can_run(), reason="needs the extra onnx"),
        ),
        opened_to_learn,
    ],
)
@pytest.mark.parametrize(
    "said",
    [
        {"num_attention_heads": 7},
        {"num_attention_heads": 0},
        {"num_attention_heads": "two"},
        {"hidden_size": 12},
        {"layer_norm_eps": "small"},
        {"layer_norm_eps": None},
        {"num_hidden_layers": 9},
    ],
)
def test_a_configuration_that_does_not_fit_its_weights_is_refused_when_it_is_opened(
    tiny_bert: Path, tmp_path: Path, opens: Opens, said: dict[str, Any]
) -> None:
    """Some were noticed at the first query, by an error of torch's or of ONNX Runtime's."""
    with pytest.raises(EncoderFormatError, match="does not load as an encoder"):
        opens(edited(tiny_bert, tmp_path / "edited", **said))


@pytest.mark.parametrize("opens", [opened, opened_to_learn])
def test_layers_that_the_configuration_does_not_count_are_not_left_out(
    tiny_bert: Path, tiny_distilbert: Path, tmp_path: Path, opens: Opens
) -> None:
    """Vectors of half of a model are some, and nothing else would show it."""
    with pytest.raises(EncoderFormatError, match="more layers than"):
        opens(edited(tiny_bert, tmp_path / "bert", num_hidden_layers=1))
    with pytest.raises(EncoderFormatError, match="more layers than"):
        opens(edited(tiny_distilbert, tmp_path / "distilbert", n_layers=1))


@pytest.mark.parametrize("opens", [opened, opened_to_learn])
def test_weights_that_are_not_there_are_not_filled_up_by_chance(
    tiny_distilbert: Path, tmp_path: Path, opens: Opens
) -> None:
    with pytest.raises(EncoderFormatError, match="weights are not there"):
        opens(edited(tiny_distilbert, tmp_path / "edited", n_layers=3))


def test_a_model_without_a_pooler_is_whole(tiny_bert: Path, tmp_path: Path) -> None:
    """No vector is made of it, and many folders have none."""
    from safetensors.torch import load_file, save_file

    copy = edited(tiny_bert, tmp_path / "bare")
    weights = load_file(copy / "model.safetensors")
    kept = {name: each for name, each in weights.items() if not name.startswith("pooler.")}
    assert len(kept) == len(weights) - 2
    save_file(kept, copy / "model.safetensors", {"format": "pt"})
    assert LanguageModel(BackboneSettings(source=str(copy))).dim == 16


@pytest.mark.parametrize("said", ["[]", "null", '{"format": 1, "tensors": 3}', "[" * 100_000])
def test_a_checkpoint_of_another_shape_is_damaged(tmp_path: Path, said: str) -> None:
    (tmp_path / "checkpoint.json").write_text(said)
    with pytest.raises(CheckpointError, match="--restart"):
        read(tmp_path)
