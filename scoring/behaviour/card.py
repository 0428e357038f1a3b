"""The card of a behaviour model: what it is for, learned from, how good, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from scoring.behaviour.recipe import BehaviourRecipe


def behaviour_card(
    recipe: BehaviourRecipe, metrics: Mapping[str, Mapping[str, float]], notes: Mapping[str, Any]
) -> str:
    """The card as Markdown (Mitchell et al., FAT* 2019)."""
    said = recipe.card
    settings = msgspec.json.format(
        msgspec.json.encode({"sharing": recipe.sharing, "training": recipe.training})
    )
    kinds = {name: _kind(task) for name, task in recipe.tasks.items()}
    return "\n".join(
        [
            "---",
            f"license: {said.licence or 'unknown'}",
            "library_name: rillstream",
            "tags: [tabular-classification]",
            "---",
            f"# {recipe.name}",
            "",
            said.summary or "No summary was given: say in the recipe's [card] what this is for.",
            "",
            "## Features",
            "",
            *(f"- {name}: {_kind(each)}" for name, each in recipe.features.items()),
            "",
            "## Data and licences",
            "",
            *_list(said.data, "Not said: do not publish these weights before it is."),
            "",
            "## Measured on test rows",
            "",
            "| task | kind | measure | value |",
            "|---|---|---|---|",
            *(
                f"| {name} | {kinds[name]} | {measure} | {value:.4f} |"
                for name, found in metrics.items()
                for measure, value in found.items()
            ),
            "",
            "## Limits",
            "",
            *_list(said.limits, "Not said."),
            "",
            "## Training",
            "",
            *(f"- {name}: {value}" for name, value in notes.items()),
            "",
            "```json",
            settings.decode(),
            "```",
            "",
        ]
    )


def _kind(settings: msgspec.Struct) -> str:
    return str(settings.__struct_config__.tag)


def _list(lines: Iterable[str], otherwise: str) -> list[str]:
    return [f"- {line}" for line in lines] or [otherwise]
