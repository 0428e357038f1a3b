"""`train`, `evaluate` and `predict` for behaviour tasks: clicks, conversions, engagement."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streams.cli.asked import Measures, Trained, TrainingAsked, made_before
from streams.cli.measured import tell_unmeasured
from streams.cli.printing import remark
from streams.cli.twin_training import train_twins, twin_of

if TYPE_CHECKING:
    from scoring.behaviour.recipe import BehaviourRecipe
    from scoring.training.rows import Reading

KIND: Final = "behaviour"


def is_recipe(config: Path) -> bool:
    """Whether a recipe has ``kind = "behaviour"``."""
    from scoring.training.kind import kind_of

    return kind_of(config) == KIND


def is_model(folder: Path) -> bool:
    """Whether a folder holds a behaviour model."""
    from scoring.behaviour.saved import is_behaviour

    return is_behaviour(folder)


def train(asked: TrainingAsked) -> Trained:
    """Train by a recipe and save; with twins, each task alone as well."""
    import torch

    from scoring.behaviour.run import train as run
    from scoring.behaviour.saved import read_behaviour
    from scoring.behaviour.twins import compare, twin_recipes
    from scoring.training.rows import Reading
    from streams.cli.training_course import Course, curves, until_asked

    torch.set_num_threads(asked.threads)
    recipe = read_recipe(asked.config, asked.seed)
    place = asked.place(recipe.name)

    def follow(each: "BehaviourRecipe", where: Path, reading: "Reading") -> None:
        with (
            until_asked() as stop,
            curves(asked.tensorboard) as writer,
            Course(each.training) as course,
        ):
            run(
                each,
                asked.data,
                where,
                reading,
                restart=asked.restart,
                progress=course.show,
                writer=writer,
                stop=stop,
            )
        remark(f"saved in {where}")

    def recipe_of(folder: Path) -> "BehaviourRecipe":
        return read_behaviour(folder).recipe

    if not (asked.twins and made_before(place, recipe, recipe_of)):
        follow(recipe, place, asked.reading)
    measures = read_behaviour(place).metrics
    tell_unmeasured(recipe.tasks, measures)
    if not asked.twins:
        return Trained(measures)

    def quietly(each: "BehaviourRecipe", where: Path) -> None:
        follow(each, where, Reading(asked.reading.skip_bad))  # bad rows are told once

    models = train_twins(
        asked, recipe, place, alone=twin_recipes, recipe_of=recipe_of, follow=quietly
    )
    return Trained(measures, list(compare(models, twin_of, asked.data)))


def read_recipe(config: Path, seed: int | None) -> "BehaviourRecipe":
    """The recipe, with another seed where one is given."""
    from scoring.behaviour.recipe import read_behaviour_recipe
    from scoring.training.seeded import seeded

    return seeded(read_behaviour_recipe(config), seed)


def evaluate(
    folder: Path, data: Path, task: str | None, files: list[Path], reading: "Reading"
) -> Measures:
    """Measure a model on the test rows of its recipe, or on other files."""
    from scoring.behaviour.answering import evaluate as measure
    from scoring.behaviour.saved import load_behaviour

    return measure(load_behaviour(folder), data, task=task, files=files, reading=reading)


def predict(
    folder: Path, task: str, source: Path, reading: "Reading"
) -> Iterator[Mapping[str, Any]]:
    """An answer for each row of a file."""
    from scoring.behaviour.answering import predict as answer
    from scoring.behaviour.saved import load_behaviour

    return answer(load_behaviour(folder), task, source, reading)
