"""`train` and `evaluate` for related items: what goes together, counted from events."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streams.cli.asked import (
    NO_CURVES,
    NOTHING_KEPT,
    ONE_TASK,
    Measures,
    Trained,
    TrainingAsked,
    must_be_of_use,
    only_own_files,
)
from streams.cli.printing import remark

if TYPE_CHECKING:
    from scoring.related.learning import Counted
    from scoring.training.rows import Reading

KIND: Final = "related-items"


def is_recipe(config: Path) -> bool:
    """Whether a recipe has ``kind = "related-items"``."""
    from scoring.training.kind import kind_of

    return kind_of(config) == KIND


def is_model(folder: Path) -> bool:
    """Whether a folder holds a table of related items."""
    from scoring.related.table import is_related

    return is_related(folder)


def train(asked: TrainingAsked) -> Trained:
    """Count by a recipe and save; returns HR@10 and NDCG@10 of each user's last event."""
    from scoring.related.learning import learn
    from scoring.related.recipe import read_related_recipe
    from streams.cli.progress import Bars

    must_be_of_use(
        asked,
        twins=ONE_TASK,
        tensorboard=NO_CURVES,
        seed="nothing is left to chance",
        restart=NOTHING_KEPT,
    )
    recipe = read_related_recipe(asked.config)
    place = asked.place(recipe.name)
    with Bars() as bars:
        counted = learn(
            recipe,
            asked.data,
            place,
            asked.reading,
            progress=lambda done, total: bars.report("measuring", done, total),
        )
    remark(f"saved in {place}: {_said(counted)}")
    return Trained({KIND: counted.measures})


def evaluate(
    folder: Path, data: Path, task: str | None, files: list[Path], reading: "Reading"
) -> Measures:
    """Measure a table on the events of its recipe."""
    from scoring.related.learning import measure
    from scoring.related.recipe import RelatedRecipe
    from scoring.related.table import RelatedItems
    from scoring.saved.facts import recipe_of

    only_own_files(folder, KIND, task, files)
    counted = measure(RelatedItems.load(folder), recipe_of(folder, RelatedRecipe), data, reading)
    remark(_said(counted))
    return {KIND: counted.measures}


def predict(
    folder: Path, task: str, source: Path, reading: "Reading"
) -> Iterator[Mapping[str, Any]]:
    """What goes together with each item of a file.

    Raises:
        ModelError: A table has no such task.
    """
    from scoring.errors import ModelError
    from scoring.related.answering import related_items
    from scoring.related.recipe import RelatedRecipe
    from scoring.related.table import RelatedItems
    from scoring.saved.facts import recipe_of

    if task != KIND:
        raise ModelError(f"{folder} is a table of related items: it answers {KIND}, not {task}")
    columns = recipe_of(folder, RelatedRecipe).columns
    return related_items(RelatedItems.load(folder), source, reading, columns=columns)


def _said(counted: "Counted") -> str:
    return (
        f"{counted.n_events:,} events, {counted.n_users:,} users, {counted.n_items:,} items; "
        "each user's last event asked for, among all items"
    )
