"""The model card: what a model is for, what it learned from, how good it is, what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from scoring.errors import ModelError
from scoring.folder import named_folder
from scoring.training.recipe import Card, Recipe

CARD: Final = "README.md"


def card(
    recipe: Recipe,
    ancestor: str | None,
    metrics: Mapping[str, Mapping[str, float]],
    notes: Mapping[str, Any],
) -> str:
    """The card of a model with heads, as Markdown."""
    measured = measured_on_test(recipe.tasks, metrics)
    if recipe.words is not None:
        reads = "It reads words and letters, counted in hashed columns; it has no encoder."
        said = {"words": recipe.words}
        tags = "text-classification"
        return written(recipe.name, recipe.card, [reads], measured, notes, said, tags)
    settings = {"batch_size": recipe.batch_size, "training": recipe.training}
    began = f"It began as encoder `{ancestor}` (adaptation: {recipe.backbone.adaptation})."
    return written(recipe.name, recipe.card, [began], measured, notes, settings)


def measured_on_test(
    tasks: Mapping[str, msgspec.Struct], metrics: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """A heading and a table of what each task reached; settings of tasks, and measures, by name."""
    return [
        "## Measured on test rows",
        "",
        "| task | kind | measure | value |",
        "|---|---|---|---|",
        *(
            f"| {name} | {task.__struct_config__.tag} | {measure} | {value:.4f} |"
            for name, task in tasks.items()
            for measure, value in metrics.get(name, {}).items()
        ),
    ]


def written(
    name: str,
    said: Card,
    origin: Iterable[str],
    measured: Iterable[str],
    notes: Mapping[str, Any],
    settings: Mapping[str, Any],
    tags: str = "sentence-similarity, feature-extraction",
) -> str:
    """A card as Markdown (Mitchell et al., FAT* 2019); its head is read by Hugging Face tools.

    Args:
        name: Of the model.
        said: What its maker says.
        origin: Lines: what it was before, or what it reads.
        measured: Lines with a heading of their own.
        notes: How it came about.
        settings: What JSON can hold.
        tags: By which Hugging Face finds it.
    """
    return "\n".join(
        [
            "---",
            f"license: {said.licence or 'unknown'}",
            "library_name: rillstream",
            f"tags: [{tags}]",
            "---",
            f"# {name}",
            "",
            said.summary or "No summary was given: say in the recipe's [card] what this is for.",
            "",
            *origin,
            "",
            "## Data and licences",
            "",
            *_list(said.data, "Not said: do not publish these weights before it is."),
            "",
            *measured,
            "",
            "## Limits",
            "",
            *_list(said.limits, "Not said."),
            "",
            "## Training",
            "",
            *(f"- {note}: {value}" for note, value in notes.items()),
            "",
            "```json",
            msgspec.json.format(msgspec.json.encode(settings)).decode(),
            "```",
            "",
        ]
    )


def read_card(folder: Path) -> str:
    """The card of a saved model; `default` is the one that comes along.

    Raises:
        ModelError: There is none.
    """
    file = named_folder(folder) / CARD
    if not file.is_file():
        raise ModelError(f"{folder} has no {CARD}: make a model with rillstream train or pretrain")
    return file.read_text("utf-8")


def _list(lines: Iterable[str], otherwise: str) -> list[str]:
    return [f"- {line}" for line in lines] or [otherwise]
