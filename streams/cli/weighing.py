"""What `rillstream policy evaluate` and `promote` share: a log is read, a target is weighed."""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.named import wrong_use
from streams.cli.printing import bounds_said, number_said, print_table, remark

if TYPE_CHECKING:
    from scoring import Policy
    from scoring.offpolicy.intervals import Interval
    from scoring.offpolicy.logged_lists import LoggedLists
    from scoring.offpolicy.report import Report, Row
    from scoring.offpolicy.target import Target
    from scoring.slates.drawing import Drawing
    from streams.policy_candidate import Decisions as DecisionFiles

Log = Annotated[list[Path], typer.Argument(help="Joined log, .jsonl or .parquet.")]
RequiredDecisions = Annotated[
    list[Path], typer.Option(help="Files of decision records, one a line; may be repeated.")
]
Decisions = Annotated[
    list[Path] | None,
    typer.Option(
        help="Files of decision records, one a line; may be repeated.", show_default=False
    ),
]
Scores = Annotated[
    Path | None,
    typer.Option(
        help="Another ranker's scores, a line a list: recommendation_id, scores of its candidates."
    ),
]
Shadow = Annotated[
    str | None,
    typer.Option(
        help="A shadow of an experiment, whose records are in --decisions.", show_default=False
    ),
]
Reward = Annotated[
    str,
    typer.Option(
        help="What is earned: clicked, carted, purchased, dwell_ms, value, or worth, the sum that "
        "policy learn learns from."
    ),
]
Estimator = Annotated[
    str | None,
    typer.Option(
        help="The one that counts, chosen beforehand.",
        show_default="cascade-dr; sn-rips without records",
    ),
]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Of a mixed log, reckon with the simulated lists.")
]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A target on a log.

    Attributes:
        report: What was found.
        target: What was asked about; None where it was given as probabilities.
        drawings: How the lists of the log were drawn, as their records say.
        made_by: Versions of the policies that made them.
        shadowed_by: Versions of the policy of the shadow that was asked about.
    """

    report: "Report"
    target: "Target | None" = None
    drawings: "frozenset[Drawing]" = frozenset()
    made_by: frozenset[str] = frozenset()
    shadowed_by: frozenset[str] = frozenset()


def weigh(
    log: Sequence[Path],
    numbers: Mapping[str, Any],
    where: str,
    base: "Policy",
    *,
    decisions: Sequence[Path] | None,
    shadow: str | None,
    scores: Path | None,
    probabilities: Path | None,
    reward: str,
    simulated: bool,
) -> Weighed:
    """Read everything and evaluate; numbers that are as in the base policy change nothing.

    Raises:
        EvidenceError: The log cannot speak for this target.
        RowsError: A row of the log belongs to no list.
        BadFileError: A file is missing, or is not what it should be.
    """
    from scoring.offpolicy.evaluation import evaluate_probabilities, evaluate_records
    from streams.cli.progress import Bars
    from streams.policy_candidate import Decisions as DecisionFiles
    from streams.policy_candidate import read_probabilities, read_scores, target_of

    if (decisions is None) == (probabilities is None):
        raise typer.BadParameter("give --decisions, or the target's own --probabilities")
    if probabilities is not None and (numbers or scores is not None):
        raise typer.BadParameter("--probabilities say all of the target: no --target, no --scores")
    lists, lost = read_lists(log, reward, simulated=simulated)
    if probabilities is not None:
        return Weighed(evaluate_probabilities(lists, read_probabilities(probabilities), lost))
    records = DecisionFiles(decisions or (), frozenset(lists.ids.tolist()), shadow)
    with Bars() as bars:
        look(records)
        if shadow is not None:
            target = records.target()
        else:
            given = None if scores is None else read_scores(scores)
            target = target_of(numbers, where, base, records.versions, given)
        report = evaluate_records(
            lists,
            records,
            target,
            lost,
            told=lambda done, total: bars.report("following lists", done, total),
        )
    return Weighed(
        report,
        target,
        frozenset(records.drawings),
        frozenset(records.versions),
        frozenset(records.shadow_versions),
    )


def read_lists(
    log: Sequence[Path], reward: str, *, simulated: bool
) -> tuple["LoggedLists", Counter[str]]:
    """The lists of a log that can be reckoned with, and how many could not.

    Raises:
        BadParameter: There is no such reward.
        EvidenceError: There is no list.
        RowsError: A row belongs to no list.
        BadFileError: A file is missing, or is not what it should be.
    """
    from scoring.errors import EvidenceError
    from scoring.offpolicy.keeping import kept_lists
    from scoring.offpolicy.logged_rows import checked_reward, read_rows

    with wrong_use("--reward", EvidenceError):
        checked_reward(reward)
    rows = read_rows(log, reward)
    return kept_lists(rows, time.time_ns() // 1_000_000, simulated=simulated)


def look(records: "DecisionFiles") -> None:
    """See what is in files of decisions, and say it of lines that are none."""
    records.look()
    if records.unreadable:
        more = len(records.unreadable) - 1
        remark(f"not a record: {records.unreadable[0]}" + (f" … and {more} more" * bool(more)))


def chosen(report: "Report", estimator: str | None) -> "Row":
    """The row that counts.

    Raises:
        BadParameter: There is no such estimate here.
    """
    from scoring.errors import EvidenceError

    if estimator is None:
        names = [row.name for row in report.rows]
        estimator = "cascade-dr" if "cascade-dr" in names else "sn-rips"
    with wrong_use("--estimator", EvidenceError):
        return report.row(estimator)


def show(report: "Report") -> None:
    """Print what was found as a table and a few lines."""
    from scoring.offpolicy.estimators import ASSUMES
    from scoring.offpolicy.verdict import NO_WEIGHT

    kind = "simulated lists" if report.simulated else "lists"
    print(
        f"{report.n_lists:,} {kind} of {report.n_users:,} users, {report.n_rewarded:,} earned "
        f"anything; a list earned {report.logged:.5g} {interval_said(report.logged_interval)}"
    )
    for reason, count in report.excluded.items():
        print(f"left out: {count:,} · {reason}")
    if report.unsupported is not None:
        print(f"of the target, {report.unsupported:.2%} could not have been logged")
    print_table(
        ("estimator", "a list earns", "95 %", "gain", "95 %", "worth lists", "weights", "assumes"),
        [
            (
                row.name,
                number_said(row.value, ".5g"),
                interval_said(row.interval),
                number_said(row.gain, "+.4g"),
                interval_said(row.gain_interval, sign="+"),
                f"{row.effective:,.0f}",
                f"{row.control.mean:.3f}" + ("" if row.control.holds else " !"),
                ASSUMES[row.name],
            )
            for row in report.rows
        ],
    )
    if any(math.isnan(row.value) for row in report.rows):
        print(f"none: at some rank, {NO_WEIGHT}")


def as_record(report: "Report", row: "Row", lacking: Sequence[str]) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "lists": report.n_lists,
        "users": report.n_users,
        "rewarded": report.n_rewarded,
        "excluded": dict(report.excluded),
        "simulated": report.simulated,
        "logged": report.logged,
        "logged_interval": bounds(report.logged_interval),
        "differs": report.differs,
        "unsupported": report.unsupported,
        "estimates": [
            {
                "estimator": each.name,
                "value": each.value,
                "error": each.error,
                "interval": bounds(each.interval),
                "gain": each.gain,
                "gain_interval": bounds(each.gain_interval),
                "effective": each.effective,
                "effective_rewards": each.effective_rewards,
                "mean_weight": each.control.mean,
                "mean_weight_holds": each.control.holds,
            }
            for each in report.rows
        ],
        "estimator": row.name,
        "enough": not lacking,
        "lacking": list(lacking),
    }


def interval_said(interval: "Interval", sign: str = "") -> str:
    """For people."""
    return bounds_said(interval.low, interval.high, f"{sign}.4g")


def bounds(interval: "Interval") -> list[float]:
    """For scripts."""
    return [interval.low, interval.high]
