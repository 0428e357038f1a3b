"""A trained ranker as a folder with its card: what it learned from and how good it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from scoring.errors import ModelError
from scoring.ranker.ranker import Ranker
from scoring.ranker.recipe import RankerRecipe
from scoring.saved.card import CARD, written
from scoring.saved.whole_folder import whole_folder

_FACTS: Final = "metrics.json"


class RankerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a ranker came about.

    Attributes:
        recipe: What was asked for.
        last_ms: Moment of the newest event that it learned from.
        measures: Task -> measure -> value.
        notes: In words.
    """

    recipe: RankerRecipe
    last_ms: int
    measures: dict[str, dict[str, float]]
    notes: dict[str, str]


def write_ranker(folder: Path, ranker: Ranker, facts: RankerFacts) -> None:
    """Save; the folder appears whole or not at all.

    Raises:
        ModelError: There is something already.
    """
    with whole_folder(folder) as part:
        ranker.save(part)
        said = json.dumps(msgspec.to_builtins(facts), indent=1)
        (part / _FACTS).write_text(said + "\n", "utf-8")
        (part / CARD).write_text(_card(ranker, facts), "utf-8")


def read_facts(folder: Path) -> RankerFacts:
    """Of a saved ranker.

    Raises:
        ModelError: There are none.
    """
    try:
        return msgspec.json.decode((folder / _FACTS).read_bytes(), type=RankerFacts)
    except (OSError, ValueError) as error:  # msgspec's are such, and of bytes that are no text
        raise ModelError(
            f"{folder} does not say how it was made ({type(error).__name__}: {error}): "
            "train it again"
        ) from error


def _card(ranker: Ranker, facts: RankerFacts) -> str:
    recipe = facts.recipe
    origin = [
        f"Heads `{ranker.heads.version}` for {', '.join(ranker.heads.tasks)} on "
        f"{len(ranker.heads.features)} columns, tables `{ranker.version}`.",
    ]
    return written(
        recipe.name,
        recipe.card,
        origin,
        _measured(facts.measures),
        facts.notes,
        {"lists": recipe.lists, "knowledge": recipe.knowledge, "network": recipe.network},
        tags="tabular-classification",
    )


def _measured(measures: Mapping[str, Mapping[str, float]]) -> list[str]:
    rows = [
        f"| {task} | {name} | {value:.4f} |"
        for task, each in measures.items()
        for name, value in each.items()
    ]
    heading = ["## Measured on the newest baskets", "", "| task | measure | value |"]
    return [*heading, "|---|---|---|", *rows]
