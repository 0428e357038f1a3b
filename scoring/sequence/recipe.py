"""A recipe for a sequence tower: which events, what form, how it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from scoring.errors import RecipeError
from scoring.sequence.next_item import NextItemSettings
from scoring.sequence.tower import TowerSettings
from scoring.training.recipe import decoded
from scoring.training.settings import LoopSettings

_LOOP: Final = LoopSettings(
    epochs=12,
    learning_rate=3e-3,
    weight_decay=0.0,
    warmup=0.03,
    measure="ndcg@10",
    patience=3,
)


class SequenceRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a TOML file with ``kind = "next-item"`` says.

    Attributes:
        kind: That it is such a file.
        name: Of the model.
        events: Files of events, relative to the folder of the data.
        columns: Documented name -> name in the files.
        tower: Its form; the space `own` only, for a file of events has no text.
        task: Loss and batches.
        training: The loop.
    """

    kind: Literal["next-item"]
    name: str
    events: tuple[str, ...]
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    tower: TowerSettings = TowerSettings(dropout=0.3)
    task: NextItemSettings = NextItemSettings()
    training: LoopSettings = _LOOP


def read_sequence_recipe(file: Path) -> SequenceRecipe:
    """Read one.

    Raises:
        RecipeError: It is none; with the place that is wrong.
    """
    recipe = decoded(file, SequenceRecipe)
    if recipe.tower.space != "own" or not recipe.tower.cosine:
        raise RecipeError(
            f"{file}: tower.space is {recipe.tower.space!r}, cosine {recipe.tower.cosine}; "
            'of events alone it can be "own" with cosine = true'
        )
    if recipe.task.loss == "binary" and recipe.tower.n_interests > 1:
        raise RecipeError(
            f"{file}: tower.n_interests is {recipe.tower.n_interests}, task.loss 'binary'; "
            'several interests are trained with "full" or "sampled"'
        )
    if recipe.tower.width % recipe.tower.n_heads:
        raise RecipeError(
            f"{file}: tower.width {recipe.tower.width} is no multiple of "
            f"n_heads {recipe.tower.n_heads}"
        )
    return recipe
