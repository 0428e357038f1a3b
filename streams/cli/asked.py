"""What `rillstream train` was asked for; what every kind of model answers to."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import typer

if TYPE_CHECKING:
    from msgspec import Struct

    from scoring.training.processes import Processes
    from scoring.training.rows import Reading
    from scoring.training.twins import Comparison

Measures = Mapping[str, Mapping[str, float]]
"""Task -> name of a measure -> value."""

ONE_TASK: Final = "its only task has no twins"
NO_CURVES: Final = "no curves are drawn of its learning"
NOTHING_KEPT: Final = "it is learned at once, so there is nothing to go on from"


@dataclass(frozen=True, slots=True)
class TrainingAsked:
    """One call of `rillstream train`.

    Attributes:
        config: The recipe.
        data: Folder of its files.
        out: Folder of the model; None = models/NAME.
        seed: Instead of the recipe's; None = the recipe's.
        reading: Notes bad rows.
        restart: Begin anew where a training was interrupted.
        tensorboard: Folder for curves; None = none.
        twins: Train each task alone as well.
        seeds: So many trainings of both, the given seed and those after it.
        threads: For torch.
        processes: That train together.
    """

    config: Path
    data: Path
    out: Path | None
    seed: int | None
    reading: "Reading"
    restart: bool
    tensorboard: Path | None
    twins: bool
    seeds: int
    threads: int
    processes: "Processes"

    def place(self, name: str) -> Path:
        """Where the model of a recipe goes."""
        return self.out or Path("models") / name


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it.

    Attributes:
        measures: On test rows; empty where only twins were left to train.
        judged: Tasks beside their twins, where they were asked for.
    """

    measures: Measures
    judged: "list[Comparison] | None" = None


class Kind(Protocol):
    """A module of this folder for one kind of model.

    Attributes:
        KIND: What a recipe calls it.
    """

    KIND: str

    def is_recipe(self, config: Path) -> bool:
        """Whether a recipe is for this kind."""

    def is_model(self, folder: Path) -> bool:
        """Whether a folder holds one."""

    def train(self, asked: TrainingAsked) -> Trained:
        """Train by a recipe and save."""

    def evaluate(
        self, folder: Path, data: Path, task: str | None, files: list[Path], reading: "Reading"
    ) -> Measures:
        """Measure on the test rows of its recipe, or on other files."""

    def predict(
        self, folder: Path, task: str, source: Path, reading: "Reading"
    ) -> Iterator[Mapping[str, Any]]:
        """An answer for each row."""


def made_before(place: Path, recipe: "Struct", recipe_of: "Callable[[Path], Struct]") -> bool:
    """Whether a model of this recipe is there already, as when a command ended among its twins.

    Args:
        place: Where it would be.
        recipe: With the seed that was asked for.
        recipe_of: Reads that of a model's folder.

    Raises:
        ModelError: The model there is of another recipe or seed: it is no twin of what is asked.
    """
    if not place.exists():
        return False
    import msgspec

    from scoring.errors import ModelError
    from scoring.training.differing import differing

    theirs, ours = (msgspec.json.encode(each).decode() for each in (recipe_of(place), recipe))
    if theirs != ours:
        raise ModelError(
            f"{place} is of another recipe ({differing(theirs, ours)}): name another --out, or "
            "remove it and its twins"
        )
    return True


def must_be_of_use(asked: TrainingAsked, **useless: str) -> None:
    """Refuse options that mean nothing for a recipe: whoever gives one expects something of it.

    Args:
        asked: The call.
        useless: Name of an option -> why it means nothing.

    Raises:
        BadParameter: One was given.
    """
    for option, why in useless.items():
        given = getattr(asked, option)
        if given is not None and given is not False:  # a seed may be 0
            raise typer.BadParameter(f"--{option} means nothing for {asked.config}: {why}")


def only_own_files(folder: Path, answers: str, task: str | None, files: list[Path]) -> None:
    """Refuse what a model of events cannot be measured on.

    Raises:
        ModelError: Another task, or other rows than the events of its recipe.
    """
    from scoring.errors import ModelError

    if task not in {None, answers}:
        raise ModelError(f"{folder} answers {answers}, not {task}")
    if files:
        raise ModelError(
            f"{folder} is measured on the events of its recipe: use --data for another folder"
        )
