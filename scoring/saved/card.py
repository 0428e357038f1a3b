"""The model card: what a model is for, what it learned from, how good it is, what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from scoring.training.recipe import Recipe


def card(
    recipe: Recipe,
    ancestor: str,
    metrics: Mapping[str, Mapping[str, float]],
    notes: Mapping[str, Any],
) -> str:
    """The card as Markdown (Mitchell et al., FAT* 2019); its head is read by Hugging Face tools."""
    said = recipe.card
    settings = msgspec.json.format(
        msgspec.json.encode({"batch_size": recipe.batch_size, "training": recipe.training})
    )
    tasks = (
        f"| {name} | {type(task).__struct_config__.tag} | {measure} | {value:.4f} |"
        for name, task in recipe.tasks.items()
        for measure, value in metrics.get(name, {}).items()
    )
    return "\n".join(
        [
            "---",
            f"license: {said.licence or 'unknown'}",
            "library_name: rillstream",
            "tags: [sentence-similarity, feature-extraction]",
            "---",
            f"# {recipe.name}",
            "",
            said.summary or "No summary was given: say in the recipe's [card] what this is for.",
            "",
            f"It began as encoder `{ancestor}` (adaptation: {recipe.backbone.adaptation}).",
            "",
            "## Data and licences",
            "",
            *_list(said.data, "Not said: do not publish these weights before it is."),
            "",
            "## Measured on test rows",
            "",
            "| task | kind | measure | value |",
            "|---|---|---|---|",
            *tasks,
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


def _list(lines: Iterable[str], otherwise: str) -> list[str]:
    return [f"- {line}" for line in lines] or [otherwise]
