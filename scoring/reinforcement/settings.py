"""How a slate policy is trained: every switch of the mathematics, with its range."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from scoring.errors import RecipeError

Baseline = Literal["value", "leave-one-out", "none"]
Credit = Literal["ranks", "top-k", "single"]
Begin = Literal["own-lists", "supervised", "uniform", "logged"]
Reward = Literal["expected", "seen"]

TRIES: Final = 4
"""Copies of the same users that a leave-one-out baseline compares."""


class LearningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers of a training.

    Attributes:
        slate_size: Items in a list.
        rounds: Of drawing lists (or reading the log) and learning from them.
        users: Visitors of each simulator in a round; a leave-one-out baseline lets a quarter as
            many people live four times.
        visits: Of each user in a round, at most.
        passes: Over what a round has drawn.
        batch: Lists in a step.
        learning_rate: Of Adam; falls linearly to a tenth.
        width: Of the network's hidden layers.
        hidden: How many of them.
        begin: supervised = from a ranker of chances to buy, learned from uniform lists; own-lists =
            from the same, learned once more from as many lists of its own (of a log, both: learned
            from its lists); uniform = from lists that prefer nothing; logged = from the policy that
            made a log.
        temperature: Of the softmax over that ranker's log odds, above 0.
        reward: Of a visit in a simulator: expected = its true mean, given the list and the user as
            she is, and the true chance to come back; seen = what chance made of it. Of a log it is
            what was seen.
        discount: γ of a visit, 0 (this visit only: myopic) to 1.
        pause_s: Of a log: a user's lists that are less apart than this belong to one visit.
        trace: λ of the generalised advantages, 0 to 1; of the baseline `value` alone, the
            others take whole returns.
        baseline: What is taken off the returns; value = learned, of users as they are inside.
        credit: ranks = exact probabilities of lists; top-k = Chen et al. 2019, single draws with
            their correction; single = the same without it.
        cap: Largest importance weight, for logs and for the forms of single draws.
        clip: Of the ratio to the policy that drew the lists; 0 = none.
        entropy: Weight of each rank's entropy; falls linearly to 0.
        divergence: Weight of KL to the policy it began from, or to the logging policy.
        least_effective: Of a log: training ends with the pass after which its weights are worth
            less than this share of the ranks, 0 to 1; 0 = never.
        bound: Mean KL of a list that one step may go, nats; 0 = any.
        stretch: Times the way from where it began to where training ends that the policy goes, see
            `stretched`; 1 = as trained. In simulators alone: a log proves nothing out there.
    """

    slate_size: int = 10
    rounds: int = 30
    users: int = 480
    visits: int = 60
    passes: int = 2
    batch: int = 2_048
    learning_rate: float = 4e-3
    width: int = 64
    hidden: int = 2
    begin: Begin = "own-lists"
    temperature: float = 0.3
    reward: Reward = "expected"
    discount: float = 1.0
    pause_s: float = 1_800.0
    trace: float = 0.9
    baseline: Baseline = "value"
    credit: Credit = "ranks"
    cap: float = 10.0
    clip: float = 0.2
    entropy: float = 0.0
    divergence: float = 0.0
    least_effective: float = 0.0
    bound: float = 0.0
    stretch: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            RecipeError: With the setting and its range.
        """
        for name in ("slate_size", "rounds", "users", "visits", "passes", "batch", "width"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}, it must be at least 1")
        if self.baseline == "value" and self.users < 2:
            raise RecipeError("users is 1, it must be at least 2: half of them judge the others")
        for name in ("discount", "trace", "least_effective"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name} is {getattr(self, name)}, it must be 0 to 1")
        for name in ("hidden", "pause_s", "clip", "entropy", "divergence", "bound", "stretch"):
            if not 0 <= getattr(self, name):
                raise RecipeError(f"{name} is {getattr(self, name)}, it must be at least 0")
        for name in ("learning_rate", "cap", "temperature"):
            if not getattr(self, name) > 0:
                raise RecipeError(f"{name} is {getattr(self, name)}, it must be above 0")
