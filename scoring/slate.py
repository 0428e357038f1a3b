"""What goes into a decision and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from index import Filter
from scoring.history import History
from scoring.slates.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Request:
    """A list is wanted for a user.

    Attributes:
        user_id: Whose list.
        at_ms: The moment of the decision, from which ages are counted: the trigger's event time.
        history: The user's past up to it, the trigger included.
        query: The current search; None or blank = there is none.
        exclude: Items that must not be in the list.
        filter: What every item of the list must meet; None = nothing.
        region: Where the user is, as the event's context says; None = not known.
        recommendation_id: Of the list; a policy that draws derives its chance from it. None = from
            the user and the moment.
    """

    user_id: str
    at_ms: int
    history: History
    query: str | None = None
    exclude: frozenset[str] = frozenset()
    filter: Filter | None = None
    recommendation_id: str | None = None
    region: str | None = None

    @property
    def chance_id(self) -> str:
        """What a draw is derived from."""
        return self.recommendation_id or f"{self.user_id}:{self.at_ms}"


class ScoredItem(msgspec.Struct, frozen=True):
    """One place of a list.

    Attributes:
        item_id: Which item.
        rank: 1 for the first.
        score: The weighted sum; it orders this list and means nothing across lists.
        tasks: ctr, cvr, engagement, relevance; None where no head has predicted it. Items share
            one mapping where all are None: read it only.
        propensity: Probability with which the policy put the item at this rank.
        reason: Why, in words for the shopper.
    """

    item_id: str
    rank: int
    score: float
    tasks: Mapping[str, float | None]
    propensity: float
    reason: str


@dataclass(frozen=True, slots=True)
class MadeUnder:
    """Which arm of an experiment made a list.

    Attributes:
        experiment: Its name.
        variant: Of the arm.
        policy_version: The arm's.
        heads_version: Likewise; None = nothing learned scored.
    """

    experiment: str
    variant: str
    policy_version: str
    heads_version: str | None


@dataclass(frozen=True, slots=True)
class Slate:
    """A list for one request.

    Attributes:
        items: Best first, no item twice; shorter than the policy asks only where the rules leave
            no more of the catalogue.
        interests: `short_term`, `long_term`, `search` -> (d,) unit vectors, those that exist.
        unknown_items: Interactions of the history whose item this index does not know.
        rules: Name of a rule -> candidates that it took out, or, of pins, put in.
        evidence: What the list was drawn from, where the recommender is to keep it.
        features: (n, F) raw columns that a learned ranker read of each item, where both are there.
        made_under: The arm of an experiment that made it; None = the user is in none.
        shadows: What other policies would have listed, each with its arm; never for the user.
    """

    items: tuple[ScoredItem, ...]
    interests: dict[str, NDArray[np.float32]]
    unknown_items: int
    rules: Mapping[str, int] = field(default_factory=dict)
    evidence: Evidence | None = None
    features: NDArray[np.float32] | None = None
    made_under: MadeUnder | None = None
    shadows: tuple[Slate, ...] = ()
