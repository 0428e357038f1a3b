"""The gate between sharing and shipping: a head that loses to its twin is seen."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch

from scoring.training.recipe import read_recipe
from scoring.training.run import train
from scoring.training.twins import Comparison, compare, twin_recipes, upper_bound
from tests.scoring.training.shop_rows import shop_recipe, write_shop


def test_the_bound_by_hand() -> None:
    # mean 0.5, standard deviation 1, nine rows: 0.5 + 1.645 / 3
    spread = torch.tensor([-1.0, 1, -1, 1, -1, 1, -1, 1, 0])
    differences = 0.5 + spread / spread.std()
    assert upper_bound(differences) == pytest.approx(0.5 + 1.645 / 3, abs=1e-5)
    assert upper_bound(torch.tensor([0.0])) == float("inf")


def test_seeds_are_judged_by_each_row_s_mean() -> None:
    """By hand: what one seed loses on a row and another gains says nothing about sharing."""
    ours = [torch.tensor([0.0, 2, 0, 2]), torch.tensor([2.0, 0, 2, 0])]
    twin = torch.tensor([0.5, 0.5, 0.5, 1.0])
    one = Comparison.of("a", [(ours[0], twin)], 0.2)
    both = Comparison.of("a", [(each, twin) for each in ours], 0.2)
    assert (one.loss, both.loss, both.twin_loss, both.seeds) == (1.0, 1.0, 0.625, 2)
    assert both.upper == pytest.approx(0.375 + 1.645 * 0.25 / 2)  # of .5, .5, .5, 0
    assert one.upper > 1.2


def test_the_texts_of_a_twin_are_changed_as_those_of_its_task_were(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    said = shop_recipe(tmp_path, 1, tasks=("colour", "size"))
    file.write_text(said + '[augmentation]\ndelete = 0.1\ntasks = ["colour"]\n')
    recipe = read_recipe(file)
    alone = twin_recipes(recipe)
    assert recipe.augmentation is not None
    assert alone["colour"].augmentation == recipe.augmentation
    assert alone["size"].augmentation is None  # the name of a task that it lacks is an error
    file.write_text(said + '[augmentation]\ndelete = 0.1\ntasks = ["size", "colour"]\n')
    found = twin_recipes(read_recipe(file))["size"].augmentation
    assert found == msgspec.structs.replace(recipe.augmentation, tasks=["size"])
    file.write_text(said + "[augmentation]\ndelete = 0.1\n")
    recipe = read_recipe(file)
    assert all(e.augmentation == recipe.augmentation for e in twin_recipes(recipe).values())


def test_a_model_is_no_worse_than_itself_and_worse_than_a_trained_twin(
    tiny_bert: Path, tmp_path: Path
) -> None:
    write_shop(tmp_path)
    file = tmp_path / "shop.toml"
    file.write_text(shop_recipe(tiny_bert, 1, tasks=("colour", "size", "relevance", "answer")))
    recipe = read_recipe(file)
    alone = twin_recipes(recipe)
    assert list(alone) == ["colour", "size", "relevance", "answer"]
    assert all(list(each.tasks) == [name] for name, each in alone.items())

    train(recipe, tmp_path, tmp_path / "shop", threads=1)
    itself = list(compare([tmp_path / "shop"], lambda model, task: model, tmp_path))
    assert [(each.task, each.upper, each.passed) for each in itself] == [
        (name, 0.0, True) for name in recipe.tasks
    ]

    file.write_text(shop_recipe(tiny_bert, 16, tasks=("colour",)))
    train(read_recipe(file), tmp_path, tmp_path / "trained", threads=1)
    file.write_text(shop_recipe(tiny_bert, 1, tasks=("colour",)))
    train(read_recipe(file), tmp_path, tmp_path / "hardly", threads=1)
    (found,) = compare([tmp_path / "hardly"], lambda model, task: tmp_path / "trained", tmp_path)
    assert found.loss > found.twin_loss + 0.1
    assert not found.passed
