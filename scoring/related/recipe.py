"""A recipe for a table of related items: which events, how they are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from scoring.related.neighbours import NeighbourSettings
from scoring.training.recipe import decoded


class RelatedRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a TOML file with ``kind = "related-items"`` says.

    Attributes:
        kind: That it is such a file.
        name: Of the model.
        events: Files of events, relative to the folder of the data.
        columns: Documented name -> name in the files.
        related: How neighbours are counted.
    """

    kind: Literal["related-items"]
    name: str
    events: tuple[str, ...]
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    related: NeighbourSettings = NeighbourSettings()


def read_related_recipe(file: Path) -> RelatedRecipe:
    """Read one.

    Raises:
        RecipeError: It is none; with the place that is wrong.
    """
    return decoded(file, RelatedRecipe)
