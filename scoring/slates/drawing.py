"""The numbers that decide how a list is drawn; part of a policy, and of a record of a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scoring.slates.beliefs import Beliefs

DRAWS: Final = ("best", "softmax", "thompson")
DIVERSITIES: Final = ("none", "mmr", "dpp")

_WIDEST: Final = 1e9
"""As records hold it."""

_NARROWEST: Final = 1e-9
"""Of a Gaussian over weights: its square is still a number."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How each rank of a list is filled.

    Attributes:
        size: Items in a list, n.
        draw: best = the highest score; softmax = in proportion to exp(score / temperature)
            (Plackett-Luce); thompson = the best under a sample of the last layer's weights.
        temperature: Of the softmax, above 0, at most 1e9.
        epsilon: With this probability, any of the items that may be there, 0 to 1.
        diversity: none, mmr or dpp.
        relevance_share: Weight of the score against diversity, 0 to 1; 1 = no diversity.
        weight_deviation: Of a weight of the last layer before anything was learned, for thompson;
            1e-9 to 1e9.
        beliefs: What was learned of these weights since; None = nothing.
    """

    size: int
    draw: str = "best"
    temperature: float = 0.1
    epsilon: float = 0.0
    diversity: str = "none"
    relevance_share: float = 0.8
    weight_deviation: float = 0.2
    beliefs: Beliefs | None = None

    @property
    def is_certain(self) -> bool:
        """Whether equal requests get equal lists, whatever the id of the list."""
        return self.draw == "best" and self.epsilon == 0

    @property
    def is_diverse(self) -> bool:
        """Whether it matters how much alike the items of a list are."""
        return self.diversity != "none"

    def problem(self) -> str | None:
        """What makes no list of these numbers; None = nothing."""
        if self.draw not in DRAWS:
            return f"draw is {self.draw!r}; known are {', '.join(DRAWS)}"
        if self.diversity not in DIVERSITIES:
            return f"diversity is {self.diversity!r}; known are {', '.join(DIVERSITIES)}"
        if not 0 < self.temperature <= _WIDEST:
            return (
                f"temperature is {self.temperature}, it must be above 0 (draw = best is 0), "
                f"at most {_WIDEST:g}"
            )
        for name in ("epsilon", "relevance_share"):
            if not 0 <= getattr(self, name) <= 1:
                return f"{name} is {getattr(self, name)}, it must be 0 to 1"
        if not _NARROWEST <= self.weight_deviation <= _WIDEST:
            return (
                f"weight_deviation is {self.weight_deviation}, "
                f"it must be {_NARROWEST:g} to {_WIDEST:g} (draw = best is 0)"
            )
        return None if self.beliefs is None else self.beliefs.problem()
