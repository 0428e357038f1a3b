"""A loop's report: JSON for scripts, one page for people, and the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scoring.strict_json import strict_json
from streams.closed_loop.arms import ARMS, BEST, WHAT
from streams.closed_loop.figures import (
    ArmFigures,
    Served,
    as_record,
    figures,
    served,
    served_record,
)
from streams.closed_loop.outcomes import Outcome
from streams.closed_loop.picture import picture
from streams.closed_loop.rounds import IN_FORCE, Round

_PART_S = 30.0
_MOST_PARTS = 24
_LEAST_PARTS = 4


def write_report(
    folder: Path,
    rows: Sequence[Outcome],
    rounds: Sequence[Round],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Write report.json, report.md and reward.svg; the record of the first.

    Args:
        folder: Where.
        rows: What came of each list.
        rounds: What was learned when.
        facts: Of the run: how long, how many, on what.
    """
    end_s = max((row.at_s for row in rows), default=1.0)
    n_parts = int(min(max(end_s / _PART_S, _LEAST_PARTS), _MOST_PARTS))
    found, policies = figures(rows, ARMS, n_parts), served(rows, ARMS)
    record = {
        "simulated": True,
        **facts,
        "arms": as_record(found, BEST),
        "policies": served_record(policies),
        "rounds": [each.as_record() for each in rounds],
    }
    (folder / "report.json").write_text(strict_json(record, indent=1) + "\n")
    marks = [(each.at_s, _what(each)) for each in rounds if each.outcome == IN_FORCE]
    drawn = picture(found, end_s, marks, "Simulated users: expected reward a list, by arm")
    (folder / "reward.svg").write_text(drawn)
    (folder / "report.md").write_text(_page(found, policies, rounds, facts))
    return record


def _what(made: Round) -> str:
    return f"round {made.number}: {made.what}: {made.outcome}"


def _page(
    found: Sequence[ArmFigures],
    policies: Sequence[Served],
    rounds: Sequence[Round],
    facts: Mapping[str, Any],
) -> str:
    base = next(each for each in found if each.arm == BEST)
    lines = [
        "# The closed loop, by simulated users",
        "",
        "Everything here is simulated: no figure says what a real shop would earn.",
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in facts.items()),
        "",
        "![reward over time](reward.svg)",
        "",
        "Lines are the true mean reward of a list, bands 95 % intervals over users, dashes what "
        "came in force.",
        "",
        f"| arm | users | lists | reward a list | 95 % | less {BEST} | 95 % | happened | left |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        less, span = "", ""
        if each is not base:
            difference = each.reward.minus(base.reward)
            less, span = f"{difference.value:+.4f}", _span(difference.interval, "+")
        lines.append(
            f"| {each.arm} | {each.reward.n_users:,} | {each.visits:,} | {each.reward.value:.4f} | "
            f"{_span(each.reward.interval)} | {less} | {span} | {each.happened.value:.4f} | "
            f"{each.left.value:.1%} |"
        )
    lines += [
        "",
        "| arm | what it lists | policy | from minute | heads | lists | reward a list | 95 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.arm} | {WHAT[each.arm]} | {each.policy_version} | {each.since_s / 60:.1f} | "
        f"{each.n_heads} | {each.n_lists:,} | {each.reward.value:.4f} | "
        f"{_span(each.reward.interval)} |"
        for each in policies
    ]
    lines += ["", "| round | minute | is after | evidence | outcome |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.number} | {each.at_s / 60:.1f} | {each.what} | {each.evidence} | "
        f"{each.outcome}: {each.why} |"
        for each in rounds
    ]
    return "\n".join(lines) + "\n"


def _span(bounds: tuple[float, float], sign: str = "") -> str:
    return f"{bounds[0]:{sign}.4f} to {bounds[1]:{sign}.4f}"
