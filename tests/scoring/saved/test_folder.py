"""What a model's folder says of itself, for us and for other programs."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from scoring.language.model import LanguageModel
from scoring.language.text_model import TextModel
from scoring.saved.folder import read_saved, write_model
from scoring.tasks.choice import make_task
from scoring.training.recipe import read_recipe
from tests.scoring.training.shop_rows import shop_recipe


def test_a_measure_of_one_label_alone_is_null_in_the_file(tmp_path: Path, tiny_bert: Path) -> None:
    """There is no AUC without a no; `NaN` is no JSON, and other programs refused the whole file."""
    (tmp_path / "shop.toml").write_text(shop_recipe(tiny_bert, 1, tasks=("size",)))
    recipe = read_recipe(tmp_path / "shop.toml")
    tasks = {name: make_task(settings) for name, settings in recipe.tasks.items()}
    model = TextModel(LanguageModel(recipe.backbone), tasks, recipe.sharing)
    metrics = {"size": {"auc": math.nan, "log_loss": 0.5}}
    saved = write_model(
        tmp_path / "model", model, recipe, ancestor="bert", metrics=metrics, notes={}
    )
    said = msgspec.json.decode((saved.folder / "heads" / "heads.json").read_bytes())
    assert said["metrics"] == {"size": {"auc": None, "log_loss": 0.5}}
    found = read_saved(saved.folder).metrics["size"]
    assert math.isnan(found["auc"])
    assert found["log_loss"] == 0.5
