"""Outcomes -> what each arm earned, over time and as a whole, with intervals over users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.by_user import Estimate, mean_by_user
from streams.closed_loop.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """What one arm earned; simulated.

    Attributes:
        arm: Its name.
        visits: Lists that were looked at.
        reward: A list, of the true means: the luck of clicks is not in it, that of who came is.
        happened: A list, of what happened.
        lifetime: A user's sum over all lists so far; who came late has had less time in each arm.
        left: Share of lists after which the user left for good.
        over_time: Reward a list in equal parts of the run.
    """

    arm: str
    visits: int
    reward: Estimate
    happened: Estimate
    lifetime: Estimate
    left: Estimate
    over_time: Sequence[Estimate]


@dataclass(frozen=True, slots=True)
class Served:
    """A policy of an arm; simulated.

    Attributes:
        arm: Its name.
        policy_version: Of its lists.
        since_s: The first of them, since the start.
        n_heads: Versions of heads that scored.
        reward: A list, of the true means.
        n_lists: That were looked at.
    """

    arm: str
    policy_version: str
    since_s: float
    n_heads: int
    reward: Estimate
    n_lists: int


def served(rows: Sequence[Outcome], arms: Sequence[str]) -> list[Served]:
    """The policies of each arm, in the order in which they came."""
    found = []
    for arm in arms:
        by_version: dict[str, list[Outcome]] = {}
        for row in rows:
            if row.arm == arm:
                by_version.setdefault(row.policy_version or "", []).append(row)
        found += [
            Served(
                arm=arm,
                policy_version=version,
                since_s=min(row.at_s for row in own),
                n_heads=len({row.heads_version for row in own} - {None}),
                reward=_of(own, "expected"),
                n_lists=len(own),
            )
            for version, own in by_version.items()
        ]
    return found


def served_record(found: Sequence[Served]) -> list[dict[str, Any]]:
    """For scripts."""
    return [
        {
            "arm": each.arm,
            "policy_version": each.policy_version,
            "since_s": each.since_s,
            "heads_versions": each.n_heads,
            "lists": each.n_lists,
            "reward": _estimate(each.reward),
        }
        for each in found
    ]


def figures(rows: Sequence[Outcome], arms: Sequence[str], n_parts: int) -> list[ArmFigures]:
    """Figures of each arm; a user's lists belong together.

    Args:
        rows: Any order.
        arms: Names; rows of others are left out.
        n_parts: Of the time from 0 to the last row.
    """
    end_s = max((row.at_s for row in rows), default=0.0) or 1.0
    found = []
    for arm in arms:
        own = [row for row in rows if row.arm == arm]
        part = np.array([min(int(row.at_s / end_s * n_parts), n_parts - 1) for row in own])
        sums: dict[str, float] = {}
        for row in own:
            sums[row.user_id] = sums.get(row.user_id, 0.0) + row.expected
        found.append(
            ArmFigures(
                arm=arm,
                visits=len(own),
                reward=_of(own, "expected"),
                happened=_of(own, "reward"),
                lifetime=mean_by_user(list(sums.values()), list(sums)),
                left=_of(own, "left"),
                over_time=[
                    _of([own[at] for at in np.flatnonzero(part == one)], "expected")
                    for one in range(n_parts)
                ],
            )
        )
    return found


def as_record(found: Sequence[ArmFigures], base: str) -> list[dict[str, Any]]:
    """For scripts; differences are to the arm `base`, with Welch's interval."""
    against = next(each for each in found if each.arm == base)
    return [
        {
            "arm": each.arm,
            "visits": each.visits,
            "users": each.reward.n_users,
            **{
                name: _estimate(getattr(each, name))
                for name in ("reward", "happened", "lifetime", "left")
            },
            f"reward_less_{base}": None
            if each is against
            else _bounds(each.reward.minus(against.reward)),
            "over_time": [_estimate(one) for one in each.over_time],
        }
        for each in found
    ]


def _of(rows: Sequence[Outcome], name: str) -> Estimate:
    return mean_by_user([getattr(row, name) for row in rows], [row.user_id for row in rows])


def _estimate(one: Estimate) -> dict[str, float | None]:
    low, high = one.interval
    return {"value": _number(one.value), "low": _number(low), "high": _number(high)}


def _bounds(difference: Any) -> dict[str, float | None]:
    low, high = difference.interval
    return {"value": _number(difference.value), "low": _number(low), "high": _number(high)}


def _number(value: float) -> float | None:
    return round(value, 5) if value == value else None
