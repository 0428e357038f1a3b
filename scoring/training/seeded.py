"""A recipe with another seed than it says."""

from __future__ import annotations

from typing import TypeVar

import msgspec

Recipe = TypeVar("Recipe", bound=msgspec.Struct)


def seeded(recipe: Recipe, seed: int | None, *parts: str) -> Recipe:
    """The same recipe, with this seed in these parts of it.

    Args:
        recipe: Of any kind.
        seed: None = its own.
        parts: Names of fields that have a seed; none = training.
    """
    if seed is None:
        return recipe
    replace = msgspec.structs.replace
    named = parts or ("training",)
    return replace(recipe, **{name: replace(getattr(recipe, name), seed=seed) for name in named})
