"""What came of each list that a simulated user looked at, in memory and as JSON Lines."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from scoring.simulation import Reactions
from streams.outputs import Recommendation


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One list.

    Attributes:
        at_s: Since the loop's start.
        user_id: Whose.
        arm: Variant of the experiment; empty for who is in none.
        policy_version: Of the list.
        heads_version: Of the list.
        reward: What happened, in `scoring.simulation.Worth`.
        expected: The true mean of it, which only a simulation knows.
        clicks: How many.
        purchases: How many.
        left: The user will not come back.
    """

    at_s: float
    user_id: str
    arm: str
    policy_version: str | None
    heads_version: str | None
    reward: float
    expected: float
    clicks: int
    purchases: int
    left: bool
    simulated: bool = True


class Outcomes:
    """All of a run. Written as they come, so that a run that dies leaves what it had."""

    def __init__(self, path: Path) -> None:
        self.rows: list[Outcome] = []
        self._path = path
        self._begun_s = time.monotonic()

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        self._begun_s = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def elapsed_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self._begun_s

    def take(self, found: Recommendation, reactions: Reactions, expected: float) -> None:
        """Note what a user did with a list."""
        row = Outcome(
            at_s=round(self.elapsed_s, 3),
            user_id=found.user_id,
            arm=found.variant or "",
            policy_version=found.policy_version,
            heads_version=found.heads_version,
            reward=round(float(reactions.reward[0]), 6),
            expected=round(expected, 6),
            clicks=int(reactions.clicks[0].sum()),
            purchases=int(reactions.purchases[0].sum()),
            left=bool(reactions.left[0]),
        )
        self.rows.append(row)
        self._file.write(msgspec.json.encode(row) + b"\n")
