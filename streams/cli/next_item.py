"""`train`, `evaluate` and `predict` for sequence towers: what a user's events lead to next."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streams.cli.asked import (
    ONE_TASK,
    Measures,
    Trained,
    TrainingAsked,
    must_be_of_use,
    only_own_files,
)
from streams.cli.printing import remark

if TYPE_CHECKING:
    from scoring.sequence.learning import Learned
    from scoring.training.rows import Reading

KIND: Final = "next-item"


def is_recipe(config: Path) -> bool:
    """Whether a recipe has ``kind = "next-item"``."""
    from scoring.training.kind import kind_of

    return kind_of(config) == KIND


def is_model(folder: Path) -> bool:
    """Whether a folder holds a sequence tower."""
    from scoring.sequence.saved import is_tower

    return is_tower(folder)


def train(asked: TrainingAsked) -> Trained:
    """Train by a recipe and save; returns HR@10 and NDCG@10 of each user's last event."""
    import torch

    from scoring.sequence.learning import learn
    from scoring.sequence.recipe import read_sequence_recipe
    from scoring.training.seeded import seeded
    from streams.cli.training_course import Course, curves, until_asked

    must_be_of_use(asked, twins=ONE_TASK)
    torch.set_num_threads(asked.threads)
    recipe = seeded(read_sequence_recipe(asked.config), asked.seed, "training", "task")
    place = asked.place(recipe.name)
    with (
        until_asked() as stop,
        curves(asked.tensorboard) as writer,
        Course(recipe.training) as course,
    ):
        learned = learn(
            recipe,
            asked.data,
            place,
            asked.reading,
            restart=asked.restart,
            progress=course.show,
            writer=writer,
            stop=stop,
        )
    remark(f"saved in {place}: {_said(learned)}")
    return Trained({KIND: learned.measures})


def evaluate(
    folder: Path, data: Path, task: str | None, files: list[Path], reading: "Reading"
) -> Measures:
    """Measure a tower on the events of its recipe."""
    from scoring.saved.facts import recipe_of
    from scoring.sequence.learning import measure
    from scoring.sequence.recipe import SequenceRecipe
    from scoring.sequence.saved import load_tower

    only_own_files(folder, KIND, task, files)
    learned = measure(load_tower(folder), recipe_of(folder, SequenceRecipe), data, reading)
    remark(_said(learned))
    return {KIND: learned.measures}


def predict(
    folder: Path, task: str, source: Path, reading: "Reading"
) -> Iterator[Mapping[str, Any]]:
    """A list for each user in a file of events.

    Raises:
        ModelError: A sequence tower has no such task.
    """
    from scoring.errors import ModelError
    from scoring.saved.facts import recipe_of
    from scoring.sequence.answering import next_items
    from scoring.sequence.recipe import SequenceRecipe
    from scoring.sequence.saved import load_tower

    if task != KIND:
        raise ModelError(f"{folder} is a sequence tower: it answers {KIND}, not {task}")
    columns = recipe_of(folder, SequenceRecipe).columns
    return next_items(load_tower(folder), [source], reading, columns=columns)


def _said(learned: "Learned") -> str:
    return (
        f"{learned.n_events:,} events, {learned.n_users:,} users, {learned.n_items:,} items; "
        "each user's last event asked for, among all items"
    )
