"""Adapters: begin as nothing, learn alone, and are plain layers once they are saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from scoring import load_encoder
from scoring.errors import EncoderFormatError, ModelError
from scoring.int8_bert import can_run
from scoring.language.adapters import add_adapters, fold_adapters
from scoring.language.model import LanguageModel
from scoring.saved.folder import load_model, read_saved
from scoring.saved.merge import merge
from scoring.training.loop import Interrupted
from scoring.training.recipe import BackboneSettings, Recipe, read_recipe
from scoring.training.run import train
from tests.scoring.training.shop_rows import RECIPE, texts, write_shop

SOME = texts()[:9]


def recipe(folder: Path, encoder: Path, width: int = 6, seed: int = 0) -> Recipe:
    write_shop(folder)
    text = RECIPE.format(encoder=encoder).replace(
        "dropout = 0.0", f'dropout = 0.1\nadaptation = "adapters"\nadapters = {{ width = {width} }}'
    )
    text = text.replace("epochs = 12", "epochs = 2").replace("[training]", f"[training]\n{seed=}")
    (folder / "recipe.toml").write_text(text)
    return read_recipe(folder / "recipe.toml")


@pytest.fixture(scope="module")
def adapted(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with trained adapters."""
    folder = tmp_path_factory.mktemp("adapted")
    train(recipe(folder, tiny_bert), folder, folder / "model", threads=1)
    return folder / "model"


@pytest.mark.parametrize("encoder", ["tiny_bert", "tiny_distilbert"])
def test_adapters_begin_as_nothing_and_fold_into_layers(
    encoder: str, request: pytest.FixtureRequest
) -> None:
    source = str(request.getfixturevalue(encoder))
    plain = LanguageModel(BackboneSettings(source=source))
    language = LanguageModel(BackboneSettings(source=source, adaptation="adapters"))
    begun = language.vectors(SOME)
    torch.testing.assert_close(begun, plain.vectors(SOME), atol=1e-6, rtol=1e-6)
    learns = {name for name, p in language.named_parameters() if p.requires_grad}
    assert {name.rsplit(".", 1)[1] for name in learns} == {"down", "down_bias", "up", "up_bias"}
    with torch.no_grad():
        for name, parameter in language.named_parameters():
            if name in learns:
                parameter.add_(torch.randn_like(parameter))
    moved = language.vectors(SOME)
    assert (moved - begun).abs().max() > 0.1
    language.backbone = fold_adapters(language.backbone)
    torch.testing.assert_close(language.vectors(SOME), moved, atol=2e-5, rtol=1e-4)


def test_the_saved_folder_is_a_plain_bert_with_wider_layers(adapted: Path, tiny_bert: Path) -> None:
    said = json.loads((adapted / "config.json").read_text())
    assert said["intermediate_size"] == 32 + 6
    _, model = load_model(adapted)
    ours = torch.nn.functional.normalize(model.language.vectors(SOME), dim=1).numpy()
    served = load_encoder(adapted, threads=1, precision="float32")
    np.testing.assert_allclose(served.encode_queries(SOME), ours, atol=2e-6)
    before = load_encoder(tiny_bert, threads=1, precision="float32")
    assert served.version != before.version
    assert np.abs(before.encode_queries(SOME) - ours).max() > 0.01


@pytest.mark.skipif(not can_run(), reason="needs the extra onnx")
def test_adapters_are_served_in_int8_like_any_layer(adapted: Path) -> None:
    exact = load_encoder(adapted, threads=1, precision="float32").encode_queries(SOME)
    coarse = load_encoder(adapted, threads=1, precision="int8").encode_queries(SOME)
    assert (exact * coarse).sum(axis=1).min() > 0.999


def test_a_stopped_training_of_adapters_ends_in_the_same_model(
    adapted: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    settings, out = recipe(tmp_path, tiny_bert), tmp_path / "again"
    steps = iter(range(100))
    with pytest.raises(Interrupted):
        train(settings, tmp_path, out, threads=1, stop=lambda: next(steps) == 9)
    train(settings, tmp_path, out, threads=1)
    assert read_saved(out).version() == read_saved(adapted).version()


def test_other_seeds_merge_and_other_widths_do_not(
    adapted: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    """The mean of two is between them."""
    train(recipe(tmp_path, tiny_bert, seed=1), tmp_path, tmp_path / "second", threads=1)
    merge([adapted, tmp_path / "second"], [1, 1], tmp_path / "merged")
    one, other, mean = (
        load_encoder(folder, threads=1, precision="float32").encode_queries(SOME)
        for folder in (adapted, tmp_path / "second", tmp_path / "merged")
    )
    apart = np.linalg.norm(one - other, axis=1)
    assert (apart > 1e-3).all()
    assert (np.linalg.norm(mean - one, axis=1) < apart).all()
    train(recipe(tmp_path, tiny_bert, width=3), tmp_path, tmp_path / "narrow", threads=1)
    with pytest.raises(ModelError, match=r"adapters of width 6, .* of 3 \(0 = none\)"):
        merge([adapted, tmp_path / "narrow"], [1, 1], tmp_path / "never")


def test_all_adapters_begin_with_the_same_numbers_whatever_the_seed(tiny_bert: Path) -> None:
    """Otherwise the mean of two models is noise: their units would have nothing in common."""
    settings = BackboneSettings(source=str(tiny_bert), adaptation="adapters")
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(LanguageModel(settings).state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_layers_with_other_names_are_refused() -> None:
    with pytest.raises(EncoderFormatError, match="lora takes any model"):
        add_adapters(torch.nn.Sequential(torch.nn.Linear(2, 2)), 4)
