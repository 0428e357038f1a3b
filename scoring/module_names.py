"""Names out of a recipe that torch is to keep modules by; it has some of them already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from torch import nn

from scoring.errors import RecipeError

_EMPTY: Final = nn.ModuleDict()


def must_be_free(what: str, names: Iterable[str], otherwise: str = "") -> None:
    """Say that a name cannot be taken, in words of the recipe.

    Args:
        what: They are names of, as the recipe calls it.
        names: Keys of an `nn.ModuleDict` to be.
        otherwise: What to do beside choosing another one.

    Raises:
        RecipeError: One has a point, or is that of something every module has, as ``type``.
    """
    for name in names:
        if not name or "." in name or hasattr(_EMPTY, name):
            raise RecipeError(
                f"{what}.{name} cannot be called so, for every model of torch has something of "
                f"that name, or it has a point: choose another name{otherwise}"
            )
