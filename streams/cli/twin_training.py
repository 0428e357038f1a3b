"""`train --twins`: each task alone as well, with the same seeds."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from streams.cli.asked import TrainingAsked, made_before
from streams.cli.printing import remark

if TYPE_CHECKING:
    from scoring.behaviour.recipe import BehaviourRecipe
    from scoring.training.recipe import Recipe

AnyRecipe = TypeVar("AnyRecipe", "Recipe", "BehaviourRecipe")


def train_twins(
    asked: TrainingAsked,
    recipe: AnyRecipe,
    place: Path,
    *,
    alone: Callable[[AnyRecipe], Mapping[str, AnyRecipe]],
    recipe_of: Callable[[Path], AnyRecipe],
    follow: Callable[[AnyRecipe, Path], object],
) -> list[Path]:
    """Train the twins of a model, and its recipe with more seeds and their twins.

    What is there already is left as it is, so that a command that ended among them goes on.

    Args:
        asked: The call.
        recipe: Of the model that was trained first.
        place: Its folder.
        alone: Recipe -> task -> the recipe for that task alone.
        recipe_of: Reads that of a model's folder.
        follow: Trains by a recipe, and saves in a folder.

    Returns:
        Folders of the models of all tasks, one a seed.

    Raises:
        ModelError: A folder has a model of another recipe.
    """
    from scoring.training.seeded import seeded

    models = []
    for seed in range(recipe.training.seed, recipe.training.seed + asked.seeds):
        own = seeded(recipe, seed)
        model = (
            place if seed == recipe.training.seed else place.with_name(f"{place.name}-seed-{seed}")
        )
        wanted = [("all tasks, together", model, own)]
        wanted += [
            (f"{task}, alone", twin_of(model, task), twin) for task, twin in alone(own).items()
        ]
        for what, where, each in wanted:
            if not made_before(where, each, recipe_of):
                remark(f"{what}, seed {seed}")
                follow(each, where)
        models.append(model)
    return models


def twin_of(model: Path, task: str) -> Path:
    """Where the model of one task alone is."""
    return model.with_name(f"{model.name}-{task}")
