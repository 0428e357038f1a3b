"""A recipe for a learned ranker: which events, whose catalogue, how much is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from scoring.errors import RecipeError
from scoring.policy import SOURCES
from scoring.ranker.knowledge import KnowledgeSettings
from scoring.ranker.settings import NetworkSettings
from scoring.training.recipe import Card, decoded


class ListSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lists are learned from.

    Attributes:
        days: Baskets of so many days before the last event.
        periods: That this time is divided into: tables of items are learned again from before each,
            and what is said of a ranker is measured on the last.
        candidates: As the workers' `RILLSTREAM_CANDIDATES`.
        quotas: As their `RILLSTREAM_CANDIDATE_QUOTAS`.
    """

    days: Annotated[float, msgspec.Meta(gt=0)] = 90.0
    periods: Annotated[int, msgspec.Meta(ge=2, le=100)] = 3
    candidates: Annotated[int, msgspec.Meta(ge=20, le=1_000)] = 50
    quotas: dict[str, Annotated[int, msgspec.Meta(ge=0)]] = {}


class RankerRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a TOML file with ``kind = "ranker"`` says.

    Attributes:
        kind: That it is such a file.
        name: Of the model.
        events: Files of events, relative to the folder of the data, each in order of time.
        index: Folder of index versions, relative to it, too: vectors, titles, prices. The default
            is where `rillstream index build` puts them.
        joined: Files of `rillstream export`, which teach clicks and engagement.
        looked: Chance that each rank of their lists is looked at, the last for all after it; with
            them the heads say what is wanted by those who look. () = all that was shown.
        lists: Which lists are learned from.
        knowledge: What is learned of single items and customers.
        network: How the heads are taught.
        card: What the model card says beside figures.
        seed: Of all chance.
    """

    kind: Literal["ranker"]
    name: str
    events: tuple[str, ...]
    index: str = "indexes"
    joined: tuple[str, ...] = ()
    looked: tuple[Annotated[float, msgspec.Meta(gt=0, le=1)], ...] = ()
    lists: ListSettings = ListSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    network: NetworkSettings = NetworkSettings()
    card: Card = Card()
    seed: int = 0


def read_ranker_recipe(file: Path) -> RankerRecipe:
    """Read one.

    Raises:
        RecipeError: It is none; with the place that is wrong.
    """
    recipe = decoded(file, RankerRecipe)
    if unknown := sorted(set(recipe.lists.quotas) - set(SOURCES)):
        raise RecipeError(f"{file}: quotas of {unknown}; known are {SOURCES}")
    if recipe.looked and not recipe.joined:
        raise RecipeError(f"{file}: looked is of the lists in joined, and there are none")
    return recipe
