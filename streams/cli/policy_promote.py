"""`rillstream policy promote`: another policy for the workers, if a log is evidence for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.exits import Exit
from streams.cli.named import must_be_there
from streams.cli.options import Json, examples, settings_from
from streams.cli.printing import print_json, remark
from streams.cli.weighing import (
    Estimator,
    RequiredDecisions,
    Reward,
    Scores,
    Shadow,
    Simulated,
    as_record,
    chosen,
    show,
    weigh,
)

if TYPE_CHECKING:
    from scoring.offpolicy.report import Report, Row


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "promote",
        epilog=examples(
            "rillstream policy promote sharper.toml --log log.jsonl --decisions decisions.jsonl "
            "--into policy.toml",
            "rillstream policy promote sharper.toml --log log.jsonl --decisions decisions.jsonl "
            "--reward purchased --margin 0.001 --json",
        ),
    )(promote)


def promote(
    candidate: Annotated[Path, typer.Argument(help="A policy file.")],
    log: Annotated[
        list[Path], typer.Option(help="Joined log, .jsonl or .parquet; may be repeated.")
    ],
    decisions: RequiredDecisions,
    shadow: Shadow = None,
    scores: Scores = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="The policy file of the workers, or of an arm of their experiment.",
            show_default="RILLSTREAM_POLICY",
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, help="The gain a list must be above it, for certain.")
    ] = 0.0,
    reward: Reward = "clicked",
    estimator: Estimator = None,
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """Put a policy in force only if a log proves it better.

    The lower bound of its gain over the log's policy must be above the margin, and the log must be
    evidence enough; else nothing is changed, the reason is said, and the exit code is 7. What was
    in force stays beside it as .before.toml. A candidate with a ranker of its own must have run as
    a shadow; workers take its heads over with its numbers.
    """
    must_be_there(candidate, log, decisions, scores)
    from scoring.errors import EvidenceError
    from scoring.offpolicy.verdict import Enough, verdict
    from scoring.policy_file import read_numbers, with_numbers
    from streams.promoting import policy_from, put_in_force, whole_drawing

    settings = settings_from()
    place = into or settings.policy
    if place is None:
        raise typer.BadParameter(
            "where is the workers' policy file? Name it with --into or RILLSTREAM_POLICY"
        )
    numbers = read_numbers(candidate)
    base = policy_from(place, settings, place)
    weighed = weigh(
        log,
        numbers,
        str(candidate),
        base,
        decisions=decisions,
        shadow=shadow,
        scores=scores,
        probabilities=None,
        reward=reward,
        simulated=simulated,
    )
    made = with_numbers(base, numbers, str(candidate)).version
    if shadow is not None and weighed.shadowed_by != {made}:
        raise EvidenceError(
            f"the shadow {shadow} was {', '.join(sorted(weighed.shadowed_by))}, and {candidate} in "
            f"{place} would be {made}: what is promoted must be what was shadowed"
        )
    report = weighed.report
    row = chosen(report, estimator)
    found = verdict(report, row, margin)
    if found.promotes and weighed.target is not None:
        drawing = whole_drawing(weighed.target, weighed.drawings)
        about = _evidence(candidate, reward, report, row)
        put_in_force(place, {**numbers, **drawing}, about, settings)
    if as_json:
        record = as_record(report, row, Enough().lacking(report, row))
        print_json({**record, "promoted": found.promotes, "reasons": found.reasons})
    else:
        show(report)
        done = f"promoted into {place}" if found.promotes else "not promoted"
        print(f"{done}: " + "; ".join(found.reasons))
    if found.promotes:
        if weighed.made_by != {base.version}:
            remark(
                f"the log was made by {', '.join(sorted(weighed.made_by))}, and not by the policy "
                f"in {place}: the gain is over the former"
            )
        remark("workers that follow this file have it in force within a second")
        return
    raise typer.Exit(Exit.BELOW_TARGET)


def _evidence(candidate: Path, reward: str, report: "Report", row: "Row") -> str:
    """What stands in the file above the numbers."""
    marked = ", simulated" if report.simulated else ""
    low, high = row.gain_interval.low, row.gain_interval.high
    return (
        f"rillstream policy promote {candidate}\n"
        f"{reward} a list: {report.logged:.5g} in the log, {row.gain:+.4g} by {row.name} "
        f"(95 %: {low:+.4g} to {high:+.4g})\n"
        f"{report.n_lists} lists of {report.n_users} users{marked}"
    )
