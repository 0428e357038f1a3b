"""Recipes: what is not known is an error that knows better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.behaviour.recipe import read_behaviour_recipe
from scoring.errors import RecipeError
from scoring.pretraining.recipe import read_pretraining
from scoring.ranker.recipe import read_ranker_recipe
from scoring.reinforcement.recipe import read_policy_recipe
from scoring.related.recipe import read_related_recipe
from scoring.sequence.recipe import read_sequence_recipe
from scoring.training.recipe import BinarySettings, ClassificationSettings, read_recipe

SMALL = """
name = "small"
[training]
epochs = 3
[tasks.intent]
type = "classification"
train = ["a.csv"]
"""
FOLDER = Path(__file__).parents[3] / "scoring" / "recipes"
PRETRAINING = sorted(FOLDER.glob("pretrain-*.toml"))
BEHAVIOUR = [FOLDER / "census.toml"]
RECIPES = sorted(set(FOLDER.glob("*.toml")) - {*PRETRAINING, *BEHAVIOUR})


def read(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    return read_recipe(file)


def test_the_type_of_a_task_decides_its_settings(tmp_path: Path) -> None:
    text = SMALL + '[tasks.mood]\ntype = "binary"\ntrain = ["b.csv"]\nyes_from = 4\n'
    recipe = read(tmp_path, text)
    assert isinstance(recipe.tasks["intent"], ClassificationSettings)
    assert isinstance(recipe.tasks["mood"], BinarySettings)
    assert recipe.training.epochs == 3


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("epoch = 3", "`epochs`"),
        ("lerning_rate = 0.1", "`learning_rate`"),
        ("patients = 2", "`patience`"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, wrong: str, right: str) -> None:
    with pytest.raises(RecipeError, match=f"do you mean {right}") as caught:
        read(tmp_path, SMALL.replace("epochs = 3", wrong))
    assert "$.training" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("epochs = 3", "epochs = 0", "`int` >= 1"),
        ('"classification"', '"clasification"', "tasks[...].type`; do you mean `classification`?"),
        ("epochs = 3", 'decay = "linaer"', "training.decay`; do you mean `linear`?"),
        ("epochs = 3", 'decay = "x"', "Invalid enum value 'x' - at `$.training.decay`"),
        ('train = ["a.csv"]', "", "missing required field `train`"),
        ("name", "nam", "do you mean `name`"),
        ("epochs = 3", "epochs = ", "recipe.toml"),
    ],
)
def test_what_cannot_be_followed_says_where(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, SMALL.replace(before, after, 1))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "reads",
    [
        read_recipe,
        read_behaviour_recipe,
        read_pretraining,
        read_policy_recipe,
        read_ranker_recipe,
        read_related_recipe,
        read_sequence_recipe,
    ],
)
def test_a_recipe_that_is_no_text_is_named(tmp_path: Path, reads: Callable[[Path], object]) -> None:
    file = tmp_path / "recipe.toml"
    file.write_bytes('name = "café"'.encode("latin-1"))
    with pytest.raises(RecipeError, match=r"recipe\.toml is not UTF-8: .* at byte 11"):
        reads(file)


@pytest.mark.parametrize(
    "said", ["[task]\nunwanted = [99]", "[task]\nseed = -1", "[training]\nseed = -1"]
)
def test_places_and_seeds_that_there_are_not_are_refused(tmp_path: Path, said: str) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(f'kind = "next-item"\nname = "next"\nevents = []\n{said}')
    with pytest.raises(RecipeError, match=r"Expected `int`"):
        read_sequence_recipe(file)


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.name)
def test_the_recipes_of_the_benchmarks_can_be_read_and_name_their_licences(file: Path) -> None:
    recipe = read_recipe(file)
    assert recipe.card.data
    assert recipe.card.licence
    assert "/" not in {path[0] for task in recipe.tasks.values() for path in task.train}


@pytest.mark.parametrize("file", BEHAVIOUR, ids=lambda file: file.name)
def test_the_recipes_of_behaviour_can_be_read_and_name_their_licences(file: Path) -> None:
    recipe = read_behaviour_recipe(file)
    assert recipe.card.data
    assert recipe.card.licence


@pytest.mark.parametrize("file", PRETRAINING, ids=lambda file: file.name)
def test_the_recipes_of_pretraining_can_be_read_and_name_their_licences(file: Path) -> None:
    recipe = read_pretraining(file)
    assert recipe.card.data
    assert recipe.card.licence
