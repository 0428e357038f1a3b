"""A training of a slate policy as a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from scoring.errors import RecipeError
from scoring.reinforcement.settings import LearningSettings
from scoring.training.recipe import decoded

Simulator = Literal["examining", "cascading", "choosing"]


class PolicyRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a TOML file with ``kind = "slate-policy"`` says.

    Attributes:
        kind: That it is such a file.
        name: Of the model.
        simulators: What it is trained on, where there is no log.
        log: Files of a joined log instead, relative to the recipe's folder.
        items: Of the simulated shop.
        candidates: Offered to a simulated user at a time.
        learning: Numbers of the training.
    """

    kind: Literal["slate-policy"] = "slate-policy"
    name: str = "slate-policy"
    simulators: tuple[Simulator, ...] = ("examining", "cascading")
    log: tuple[str, ...] = ()
    items: Annotated[int, msgspec.Meta(ge=2)] = 400
    candidates: Annotated[int, msgspec.Meta(ge=2)] = 50
    learning: LearningSettings = LearningSettings()

    def __post_init__(self) -> None:
        """Refuse lists longer than what they are made of, and a log that is none.

        Raises:
            RecipeError: So.
        """
        if not self.log and not self.simulators:
            raise RecipeError("neither simulators nor a log to learn from")
        if not self.log and self.learning.begin == "logged":
            raise RecipeError("begin is 'logged', and there is no log; name one with log = [...]")
        most = min(self.candidates, self.items)
        if not self.log and self.learning.slate_size > most:
            raise RecipeError(
                f"slate_size is {self.learning.slate_size}, and there are {most} candidates"
            )


def read_policy_recipe(file: Path) -> PolicyRecipe:
    """Read one.

    Raises:
        RecipeError: It is none; with the place that is wrong.
    """
    return decoded(file, PolicyRecipe)
