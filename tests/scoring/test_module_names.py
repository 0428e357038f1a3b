"""A recipe's names are keys of torch's modules, and some are taken: it must say so in its words."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from scoring.behaviour.recipe import read_behaviour_recipe
from scoring.behaviour.run import train as train_behaviour
from scoring.errors import RecipeError
from scoring.module_names import must_be_free
from scoring.training.recipe import read_recipe
from scoring.training.rows import Reading
from scoring.training.run import train
from tests.scoring.behaviour import shop_log
from tests.scoring.training import shop_rows


@pytest.mark.parametrize("name", ["type", "train", "items", "a.b", ""])
def test_what_a_module_dict_refuses_is_not_free(name: str) -> None:
    with pytest.raises(KeyError):
        nn.ModuleDict({name: nn.Identity()})
    with pytest.raises(RecipeError, match=r"^tasks\..* choose another name"):
        must_be_free("tasks", ["colour", name])


def test_a_task_may_not_be_called_type(tiny_bert: Path, tmp_path: Path) -> None:
    shop_rows.write_shop(tmp_path)
    file = tmp_path / "shop.toml"
    text = shop_rows.shop_recipe(tiny_bert, 1, tasks=("colour",))
    file.write_text(text.replace("tasks.colour", "tasks.type"))
    with pytest.raises(RecipeError, match=r"tasks\.type cannot be called so"):
        train(read_recipe(file), tmp_path, tmp_path / "model", threads=1)


def test_a_category_may_be_of_the_column_type(tmp_path: Path) -> None:
    """Of events it is the most common one."""
    shop_log.write_log(tmp_path, 200)
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text().replace('"country"', '"type"'))
    file = tmp_path / "heads.toml"
    text = shop_log.RECIPE.replace("epochs = 4", "epochs = 1")
    file.write_text(text.replace("country =", "type ="))
    with pytest.raises(RecipeError, match=r"features\.type cannot be called so, .* `column`"):
        train_behaviour(read_behaviour_recipe(file), tmp_path, tmp_path / "model", Reading())
    file.write_text(text.replace("country = {", 'country = { column = "type",'))
    train_behaviour(read_behaviour_recipe(file), tmp_path, tmp_path / "model", Reading())
