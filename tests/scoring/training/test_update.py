"""A low-rank update saved alone: small, merged at load, and refused beside other weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from scoring import load_encoder
from scoring.encoder import identify
from scoring.errors import EncoderFormatError
from scoring.folder import read_folder
from scoring.saved.difference import differences
from scoring.saved.folder import load_model, read_saved
from scoring.saved.merge import merge
from scoring.training.recipe import read_recipe
from scoring.training.run import train
from tests.scoring.training.shop_rows import RECIPE, texts, write_shop

_ALONE = '[backbone]\nadaptation = "lora"\nlora = {{ rank = 4, merged = {merged} }}'


@pytest.fixture(scope="module")
def models(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training saved as an update, `alone`, and with whole weights, `whole`."""
    folder = tmp_path_factory.mktemp("updates")
    shutil.copytree(tiny_bert, folder / "base")
    write_shop(folder)
    text = RECIPE.format(encoder=folder / "base").replace("epochs = 12", "epochs = 2")
    for name, merged in (("alone", "false"), ("whole", "true")):
        (folder / "r.toml").write_text(text.replace("[backbone]", _ALONE.format(merged=merged)))
        train(read_recipe(folder / "r.toml"), folder, folder / name, threads=1)
    return folder


def vectors(folder: Path) -> np.ndarray:
    return load_encoder(folder, threads=1, precision="float32").encode_queries(texts()[:9])


def test_it_is_the_same_model_without_the_weights_it_began_as(models: Path) -> None:
    names = {file.name for file in (models / "alone").iterdir()}
    assert "adapter_model.safetensors" in names
    assert "model.safetensors" not in names
    assert str(models) not in (models / "alone" / "adapter_config.json").read_text().replace(
        str(models / "base"), ""
    )
    np.testing.assert_allclose(vectors(models / "alone"), vectors(models / "whole"), atol=2e-6)
    assert np.abs(vectors(models / "alone") - vectors(models / "base")).max() > 1e-3
    _, model = load_model(models / "alone")
    ours = torch.nn.functional.normalize(model.language.vectors(texts()[:9]), dim=1)
    np.testing.assert_allclose(vectors(models / "alone"), ours.numpy(), atol=2e-6)
    assert read_saved(models / "alone").metrics == read_saved(models / "whole").metrics


def test_its_version_is_of_weights_and_update_together(models: Path, tmp_path: Path) -> None:
    assert identify(models / "alone")[0] != identify(models / "base")[0]
    other = shutil.copytree(models / "alone", tmp_path / "other")
    (other / "adapter_model.safetensors").write_bytes(b"other")
    assert identify(other)[0] != identify(models / "alone")[0]
    with pytest.raises(EncoderFormatError, match="no low-rank update that can be read"):
        vectors(other)


def test_a_copy_of_its_files_is_the_same_encoder(models: Path, tmp_path: Path) -> None:
    folder = read_folder(models / "alone")
    for name in folder.files():
        shutil.copyfile(folder.home / name, tmp_path / name)
    assert identify(tmp_path) == identify(models / "alone")


def test_beside_other_weights_it_is_refused(models: Path, tmp_path: Path) -> None:
    for name in ("base", "alone"):
        shutil.copytree(models / name, tmp_path / name)
    said = json.loads((tmp_path / "alone" / "base.json").read_text())
    (tmp_path / "alone" / "base.json").write_text(
        json.dumps({**said, "source": str(tmp_path / "base")})
    )
    np.testing.assert_allclose(vectors(tmp_path / "alone"), vectors(models / "alone"))
    weights = tmp_path / "base" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(EncoderFormatError, match="install the version of the encoder"):
        load_encoder(tmp_path / "alone", threads=1)


def test_updates_of_another_kind_are_refused(models: Path, tmp_path: Path) -> None:
    other = shutil.copytree(models / "alone", tmp_path / "dora")
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
    with pytest.raises(EncoderFormatError, match="use_dora = True; only False is read here"):
        vectors(other)


def test_peft_itself_reads_it(models: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    base = AutoModel.from_pretrained(models / "base", local_files_only=True)
    theirs = PeftModel.from_pretrained(base, models / "alone").merge_and_unload()
    _, model = load_model(models / "alone")
    ours = dict(model.language.backbone.named_parameters())
    for name, weight in theirs.named_parameters():
        torch.testing.assert_close(weight, ours[name], atol=1e-6, rtol=1e-5)


def test_updates_are_compared_merged_and_not_stacked(models: Path, tmp_path: Path) -> None:
    told = {name for name, _, _ in differences(models / "alone", models / "alone")}
    assert told == set()
    merge([models / "alone", models / "whole"], [1, 1], tmp_path / "both")
    np.testing.assert_allclose(vectors(tmp_path / "both"), vectors(models / "whole"), atol=2e-6)
    text = (models / "r.toml").read_text().replace("merged = true", "merged = false")
    (models / "again.toml").write_text(text.replace(str(models / "base"), str(models / "alone")))
    with pytest.raises(EncoderFormatError, match="is an update itself"):
        train(read_recipe(models / "again.toml"), models, tmp_path / "again", threads=1)
