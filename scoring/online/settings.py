"""How heads learn online."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.errors import OnlineError


@dataclass(frozen=True, slots=True)
class OnlineSettings:
    """Numbers of `learner.OnlineLearner`.

    Attributes:
        rate: Of AdamW (Loshchilov & Hutter 2019).
        batch: Rows of a step; fewer wait for more.
        replay: Old rows that are kept; 0 = none. Each step takes `batch` of them besides.
        distance: Share of `rate` by which each step draws weights back to the base's.
        looked: Chance that a rank is looked at, from rank 1, see `scoring.slates.examination`;
            ranks beyond have the last. Empty = what was shown was looked at.
        rollback_at: Heads whose loss on fresh rows is above that of the last good ones by more
            than this share are given up.
        seed: Of the order within a round and of the replay.
    """

    rate: float = 1e-3
    batch: int = 256
    replay: int = 16_384
    distance: float = 1.0
    looked: tuple[float, ...] = ()
    rollback_at: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            OnlineError: A number that nothing can be learned with.
        """
        if not 0 < self.rate <= 1 or not self.batch >= 1 or not self.replay >= 0:
            raise OnlineError(
                f"rate {self.rate}, batch {self.batch}, replay {self.replay}: a rate in (0, 1], "
                "a batch of at least 1, a replay of at least 0"
            )
        if not 0 <= self.distance <= 100 or not self.rollback_at > 0:
            raise OnlineError(
                f"distance {self.distance}, rollback_at {self.rollback_at}: a distance from 0 to "
                "100, rollback_at above 0"
            )
        if any(not 0 < each <= 1 for each in self.looked):
            raise OnlineError(f"looked {self.looked}: chances in (0, 1]")
