"""Every number that decides an order, in one frozen place, with a version made from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from scoring.errors import PolicyError
from scoring.history import TYPE_CODES
from scoring.ranker.named import NamedRanker
from scoring.slates.beliefs import Beliefs
from scoring.slates.drawing import Drawing

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS

INTERESTS: Final = ("short_term", "long_term", "search")
"""The vectors that a user is searched with, in the order of every axis that has one of each."""

SOURCES: Final = (*INTERESTS, "related", "tables", "alike", "trending", "new_items")
"""What brings candidates in numbers that a quota can set."""

MARKS: Final = (*SOURCES, "bought", "popular", "pinned", "floors")
"""Everything that brings candidates: who brought one is a bit for each, in this order."""

TRENDING: Final = 50
NEW_ITEMS: Final = 10
"""Candidates of these two sources where no quota says otherwise."""

SUM_TERMS: Final = (*INTERESTS, "popularity", "repeat", "related")
"""What the documented sum adds up; `weight_<term>` is the weight of each, and of those below."""

PREDICTED: Final = ("ctr", "engagement", "cvr", "value")
"""The tasks with a weight in the policy, in the order of the terms of the sum: three chances, and
what a slate policy has learned that an item is worth in the end, which is no chance."""

LEARNED_TERMS: Final = (*PREDICTED, "relevance")
"""What the learned sum adds up; the last is the cosine to the search."""

_MOST_CANDIDATES: Final = 10_000
_LARGEST_WEIGHT: Final = 100_000
"""Either way: records of lists hold scores up to 1e9."""

_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "slate_size": (1, 200),
    "candidates": (1, _MOST_CANDIDATES),
    "rerank": (2, 1_000),
    "centroid_share": (0, 1),
    "category_cap": (0, 1_000),
    "brand_cap": (0, 1_000),
    "title_cap": (0, 1_000),
    **dict.fromkeys(
        [f"weight_{term}" for term in (*SUM_TERMS, *LEARNED_TERMS)],
        (-_LARGEST_WEIGHT, _LARGEST_WEIGHT),
    ),
}

TYPE_WEIGHTS: Final[Mapping[str, float]] = {
    "view": 1.0,
    "click": 1.0,
    "cart": 3.0,
    "purchase": 5.0,
    "return": -5.0,
    "favorite": 3.0,
    "share": 3.0,
    "review": 1.0,
    "rating": 1.0,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How a list is made; docs/ranking.md has the formula, and what each number does.

    Attributes:
        slate_size: Items in a list, 1 to 200.
        candidates: Retrieved for each interest vector; slate_size to 10,000.
        quotas: So many instead, up to 10,000, for `short_term`, `long_term`, `search`, `related`,
            `tables`, `alike`, `trending` or `new_items`, where it names them; an interest brings at
            most `candidates`.
        search_effort: For a search, so many times the usual number of items is looked at: a few
            words are unlike any item, and an approximate engine misses more of what is near them.
        search_once_above: Where short-term and long-term have a higher cosine to each other, the
            index is asked for the short-term one only; above 1 = it is always asked for both.
        short_half_life_ms: After it, an interaction counts half in the short-term interest.
        long_half_life_ms: The same for the long-term interest and for repeats.
        type_weights: Event type -> weight in the interest vectors; negative pushes away.
        centroid_share: Part of counted categories and brands in the long-term interest, 0 to 1.
        least_evidence: An interest with less decayed weight than this is not there.
        weight_short_term: Weight of the cosine to the short-term interest; of this and all others
            -100,000 to 100,000.
        weight_long_term: Weight of the cosine to the long-term interest.
        weight_search: Weight of the cosine to the current search.
        weight_popularity: Weight of popularity, which is between 0 and 1.
        weight_repeat: Weight of having bought the item before, between 0 and 1.
        weight_related: Weight of going together with what the user did, between 0 and 1; needs a
            table of related items.
        weight_ctr: With a learned ranker, weight of the chance of a click; the weights above then
            decide reasons only.
        weight_engagement: The same for the chance that it is looked at for long.
        weight_cvr: The same for the chance that it is bought.
        weight_value: Weight of what a slate policy has learned that an item is worth in the end,
            see `scoring.reinforcement`; without such heads it does nothing.
        weight_relevance: The same for the cosine to the current search.
        rerank: So many candidates of a search are read by the re-ranker, where there is one.
        search_hit: A search whose best item has a lower cosine than this found nothing.
        exclude_bought: Leave out what the user bought within `bought_window_ms`.
        bought_window_ms: What "just bought" means.
        just_seen_window_ms: What the user touched this recently is not shown back; 0 = shown.
        draw: How a rank is filled: best, softmax or thompson, see `slates.drawing.Drawing`.
        temperature: Of the softmax, in units of a score.
        epsilon: With this probability a rank has any item that may be there.
        diversity: none, mmr or dpp.
        relevance_share: Weight of the score against diversity.
        weight_deviation: For thompson, of a weight of which nothing was learned.
        beliefs: For thompson, what was learned of the weights; None = nothing.
        category_cap: At most so many items of a category in a list; 0 = any number.
        brand_cap: The same for a brand.
        title_cap: The same for items whose titles read the same.
        ranker: Whose heads the weights weigh; None = the worker's (RILLSTREAM_RANKER), if any.
    """

    slate_size: int = 10
    candidates: int = 100
    quotas: Mapping[str, int] = field(default_factory=dict)
    search_effort: float = 3.0
    search_once_above: float = 0.98
    short_half_life_ms: float = 30 * MINUTE_MS
    long_half_life_ms: float = 30 * DAY_MS
    type_weights: Mapping[str, float] = field(default_factory=lambda: dict(TYPE_WEIGHTS))
    centroid_share: float = 0.25
    least_evidence: float = 0.05
    weight_short_term: float = 1.0
    weight_long_term: float = 0.7
    weight_search: float = 2.0
    weight_popularity: float = 0.4
    weight_repeat: float = 0.5
    weight_related: float = 0.3
    weight_ctr: float = 0.25
    weight_engagement: float = 0.1
    weight_cvr: float = 1.0
    weight_value: float = 1.0
    weight_relevance: float = 0.5
    rerank: int = 50
    search_hit: float = 0.35
    exclude_bought: bool = False
    bought_window_ms: float = 7 * DAY_MS
    just_seen_window_ms: float = 1 * MINUTE_MS
    draw: str = "best"
    temperature: float = 0.1
    epsilon: float = 0.0
    diversity: str = "none"
    relevance_share: float = 0.8
    weight_deviation: float = 0.2
    beliefs: Beliefs | None = None
    category_cap: int = 0
    brand_cap: int = 0
    title_cap: int = 0
    ranker: NamedRanker | None = None

    def __post_init__(self) -> None:
        """Check what cannot make a list.

        Raises:
            PolicyError: A number out of its range, or an event type that does not exist.
        """
        if unknown := self.type_weights.keys() - TYPE_CODES.keys():
            raise PolicyError(f"type_weights has {sorted(unknown)}; known are {sorted(TYPE_CODES)}")
        if wrong := [
            name
            for name, most in self.quotas.items()
            if name not in SOURCES or not 0 <= most <= _MOST_CANDIDATES
        ]:
            raise PolicyError(
                f"quotas has {sorted(wrong)}; known are {SOURCES}, 0 to {_MOST_CANDIDATES} each"
            )
        for name, (low, high) in _BOUNDS.items():
            if not low <= getattr(self, name) <= high:
                raise PolicyError(f"{name} is {getattr(self, name)}, it must be {low} to {high}")
        if wrong := [n for n, say in self.type_weights.items() if not abs(say) <= _LARGEST_WEIGHT]:
            raise PolicyError(f"type_weights of {sorted(wrong)} must be up to {_LARGEST_WEIGHT}")
        others = {"type_weights", "quotas", "draw", "diversity", "beliefs", "ranker", *_BOUNDS}
        numbers = [getattr(self, each.name) for each in fields(self) if each.name not in others]
        if not all(map(math.isfinite, numbers)):
            raise PolicyError("every number of a policy must be finite")
        if self.candidates < self.slate_size:
            raise PolicyError(
                f"candidates is {self.candidates}, fewer than slate_size = {self.slate_size}"
            )
        above_0 = ("short_half_life_ms", "long_half_life_ms", "least_evidence", "search_effort")
        if min(getattr(self, name) for name in above_0) <= 0:
            raise PolicyError("half-lives, least_evidence and search_effort must be above 0")
        if problem := self.drawing.problem():
            raise PolicyError(problem)

    @property
    def drawing(self) -> Drawing:
        """The numbers that decide how a list is drawn."""
        return Drawing(
            size=self.slate_size,
            draw=self.draw,
            temperature=self.temperature,
            epsilon=self.epsilon,
            diversity=self.diversity,
            relevance_share=self.relevance_share,
            weight_deviation=self.weight_deviation,
            beliefs=self.beliefs,
        )

    @property
    def version(self) -> str:
        """`sum-` and 8 hex digits of all numbers, and of the ranker that it names, if it does."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        said["type_weights"] = sorted(self.type_weights.items())
        said["quotas"] = sorted(self.quotas.items())
        if self.beliefs is None:
            del said["beliefs"]
        if self.ranker is None:
            del said["ranker"]
        else:
            said["ranker"] = self.ranker.version
        return "sum-" + hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()[:8]
