"""How a model of events came about: its recipe and what it measured, as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from scoring.damage import DAMAGE
from scoring.errors import ModelError
from scoring.strict_json import measures_of, strict_json

_FILE: Final = "metrics.json"

Recipe = TypeVar("Recipe", bound=msgspec.Struct)


def write_facts(folder: Path, recipe: msgspec.Struct, measures: Mapping[str, float]) -> None:
    """Write into a model's folder."""
    facts = {"recipe": msgspec.to_builtins(recipe), "measures": measures}
    (folder / _FILE).write_text(strict_json(facts, indent=1), "utf-8")


def recipe_of(folder: Path, kind: type[Recipe]) -> Recipe:
    """The recipe of a saved model.

    Raises:
        ModelError: There is none of this kind.
    """
    return facts_of(folder, kind)[0]


def facts_of(folder: Path, kind: type[Recipe]) -> tuple[Recipe, dict[str, float]]:
    """What `write_facts` wrote: the recipe, and name of a measure -> value.

    Raises:
        ModelError: There is none of this kind.
    """
    try:
        said = json.loads((folder / _FILE).read_text("utf-8"))
        recipe = msgspec.convert(said["recipe"], kind)
        return recipe, measures_of(msgspec.convert(said["measures"], dict[str, float | None]))
    except DAMAGE as error:
        raise ModelError(
            f"{folder} does not say how it was made ({type(error).__name__}: {error}): "
            "train it again"
        ) from error
