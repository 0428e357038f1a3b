"""A moment at which a list was wanted, and what was then done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from scoring import Request

GOALS: Final = ("purchases", "new", "clicks")
"""What can be wanted: what was bought, what was bought for the first time, what was looked at."""

GOAL_OF_TYPE: Final[Mapping[str, str]] = {
    "purchase": "purchases",
    "view": "clicks",
    "click": "clicks",
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """The start of a session, or a search in one.

    Attributes:
        request: With the user's history up to then.
        kind: Whether it was a visit or a search.
        wanted: Goal -> items of which that was done until the session ended.
        n_before: Sessions that the user had before this one.
        country: Of the session's context; None = it says none.
    """

    request: Request
    kind: Literal["visit", "search"]
    wanted: Mapping[str, frozenset[str]]
    n_before: int
    country: str | None
