"""`train`, `evaluate` and `predict` for tasks on texts: an encoder with heads."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streams.cli.asked import (
    NO_CURVES,
    NOTHING_KEPT,
    Measures,
    Trained,
    TrainingAsked,
    made_before,
    must_be_of_use,
)
from streams.cli.measured import tell_unmeasured
from streams.cli.printing import remark
from streams.cli.twin_training import train_twins, twin_of

if TYPE_CHECKING:
    from scoring.saved.folder import SavedModel
    from scoring.tasks.contract import Answering
    from scoring.training.recipe import Recipe
    from scoring.training.rows import Reading
    from scoring.training.run import Trained as Done


KIND: Final = "texts"


def is_recipe(config: Path) -> bool:
    """Whether a recipe names no other kind."""
    from scoring.training.kind import kind_of

    return kind_of(config) is None


def is_model(folder: Path) -> bool:
    """What is no other kind is one, or `load_answering` says why not."""
    return True


def train(asked: TrainingAsked) -> Trained:
    """Train by a recipe and save; with twins, each task alone as well."""
    recipe = read_recipe(asked.config, asked.seed)
    place = asked.place(recipe.name)
    if recipe.words is not None:
        return _learn_words(asked, recipe, place)

    measures: Measures = {}
    if not (asked.twins and made_before(place, recipe, _recipe_of)):
        done = follow(asked, recipe, place)
        if said := done.reading.summary():
            remark(said)
        measures = done.saved.metrics
        tell_unmeasured(recipe.tasks, measures)
    if not asked.twins:
        return Trained(measures)
    from scoring.training.twins import compare, twin_recipes

    models = train_twins(
        asked,
        recipe,
        place,
        alone=twin_recipes,
        recipe_of=_recipe_of,
        follow=partial(follow, asked),
    )
    return Trained(measures, list(compare(models, twin_of, asked.data)))


def follow(asked: TrainingAsked, recipe: "Recipe", place: Path) -> "Done":
    """Train an encoder with its heads and save it, in sight of who waits.

    Raises:
        SystemExit: Asked to stop, by Ctrl-C or SIGTERM; the next call goes on.
    """
    from scoring.training.run import train as run
    from streams.cli.training_course import Course, curves, until_asked

    with (
        until_asked() as stop,
        curves(asked.tensorboard if asked.processes.main else None) as writer,
        Course(recipe.training) as course,
    ):
        done = run(
            recipe,
            asked.data,
            place,
            threads=asked.threads,
            skip_bad=asked.reading.skip_bad,
            restart=asked.restart,
            progress=course.show,
            translating=course.translate,
            writer=writer,
            stop=stop,
            processes=asked.processes,
        )
    remark(f"saved in {place}")
    return done


def _learn_words(asked: TrainingAsked, recipe: "Recipe", place: Path) -> Trained:
    """Fit at once what has no encoder; there is nothing to go on from."""
    import torch

    from scoring.errors import TrainingError
    from scoring.words.learning import learn

    must_be_of_use(
        asked,
        twins="tasks of [words] share nothing, so they have no twins",
        tensorboard=NO_CURVES,
        restart=NOTHING_KEPT,
    )
    if asked.processes.count > 1:
        raise TrainingError(
            f"{asked.config}: [words] is fitted in one process, and {asked.processes.count} were "
            "started: run rillstream train without a launcher"
        )
    torch.set_num_threads(asked.threads)
    saved = learn(recipe, asked.data, place, asked.reading)
    remark(f"saved in {place}")
    tell_unmeasured(recipe.tasks, saved.metrics)
    return Trained(saved.metrics)


def evaluate(
    folder: Path, data: Path, task: str | None, files: list[Path], reading: "Reading"
) -> Measures:
    """Measure a model on the test rows of its recipe, or on other files."""
    from scoring.saved.answering import evaluate as measure

    saved, model = _load(folder)
    return measure(saved, model, data, task=task, files=files, reading=reading)


def predict(
    folder: Path, task: str, source: Path, reading: "Reading"
) -> Iterator[Mapping[str, Any]]:
    """An answer for each row of a file."""
    from scoring.saved.answering import predict as answer

    return answer(*_load(folder), task, source, reading)


def _recipe_of(folder: Path) -> "Recipe":
    from scoring.saved.folder import read_saved

    return read_saved(folder).recipe


def _load(folder: Path) -> "tuple[SavedModel, Answering]":
    """One model, or several fused."""
    from scoring.fusion.saved import is_fused, load_fused
    from scoring.saved.folder import load_answering

    return load_fused(folder) if is_fused(folder) else load_answering(folder)


def read_recipe(config: Path, seed: int | None) -> "Recipe":
    """The recipe, with another seed where one is given."""
    from scoring.training.recipe import read_recipe as read
    from scoring.training.seeded import seeded

    return seeded(read(config), seed)
