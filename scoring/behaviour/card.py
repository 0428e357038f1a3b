"""The card of a behaviour model: what it is for, learned from, how good, and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring.behaviour.recipe import BehaviourRecipe
from scoring.saved.card import measured_on_test, written


def behaviour_card(
    recipe: BehaviourRecipe, metrics: Mapping[str, Mapping[str, float]], notes: Mapping[str, Any]
) -> str:
    """The card as Markdown."""
    kinds = {name: each.__struct_config__.tag for name, each in recipe.features.items()}
    return written(
        recipe.name,
        recipe.card,
        ["## Features", "", *(f"- {name}: {kind}" for name, kind in kinds.items())],
        measured_on_test(recipe.tasks, metrics),
        notes,
        {"sharing": recipe.sharing, "training": recipe.training},
        tags="tabular-classification",
    )
