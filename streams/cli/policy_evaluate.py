"""`rillstream policy evaluate`: what another policy would have earned, by a log of this one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.named import must_be_there, wrong_use
from streams.cli.options import Json, examples, settings_from
from streams.cli.printing import print_json, remark
from streams.cli.weighing import (
    Decisions,
    Estimator,
    Log,
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
    from scoring import Policy


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "evaluate",
        epilog=examples(
            "rillstream policy evaluate log.jsonl --decisions decisions.jsonl "
            "--target temperature=0.05",
            "rillstream policy evaluate log.parquet --decisions decisions.jsonl --shadow it --json",
            "rillstream policy evaluate log.parquet --decisions decisions.jsonl "
            "--target tuned/policy.toml --scores scores.jsonl",
            "rillstream policy evaluate log.jsonl --probabilities other.jsonl --reward purchased",
        ),
    )(evaluate)


def evaluate(
    log: Log,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="A policy file, or name=value; may be repeated.",
            show_default="the policy that made the log",
        ),
    ] = None,
    decisions: Decisions = None,
    shadow: Shadow = None,
    scores: Scores = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            help="The target's probabilities of the logged items, a line a list; instead of all "
            "else that says what the target is."
        ),
    ] = None,
    reward: Reward = "clicked",
    estimator: Estimator = None,
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """Estimate by a log what another policy would have earned.

    Every estimator has an interval, over users, and what it assumes; docs/policies.md explains
    them. Where the log is not evidence enough, that is said, and the figures are no guide. Flawed
    lists are left out and counted.
    """
    must_be_there(log, decisions, scores, probabilities)
    from scoring.offpolicy.verdict import Enough
    from streams.policy_file import policy_of

    base = policy_of(settings_from())
    numbers, where = asked(target or [], base)
    if shadow is not None and (numbers or scores is not None):
        raise typer.BadParameter("--shadow says all of the target: no --target, no --scores")
    weighed = weigh(
        log,
        numbers,
        where,
        base,
        decisions=decisions,
        shadow=shadow,
        scores=scores,
        probabilities=probabilities,
        reward=reward,
        simulated=simulated,
    )
    report = weighed.report
    row = chosen(report, estimator)
    lacking = Enough().lacking(report, row)
    if as_json:
        print_json(as_record(report, row, lacking))
        return
    show(report)
    if not report.differs:
        print("the target makes these lists as the log's policy did: there is nothing to compare")
        if weighed.drawings and all(each.is_certain for each in weighed.drawings):
            remark("lists of the best items tell of no others: log with RILLSTREAM_DRAW=softmax")
    elif lacking:
        print("not enough evidence: " + "; ".join(lacking))
    else:
        print(f"enough evidence, by {row.name}")


def asked(said: list[str], base: "Policy") -> tuple[dict[str, Any], str]:
    """The numbers of --target, and how to name them in an error."""
    from scoring.errors import PolicyError
    from scoring.policy_file import checked_numbers, read_numbers, with_numbers
    from streams.policy_candidate import named_numbers

    found: dict[str, Any] = {}
    for file in (each for each in said if each.endswith(".toml")):
        found |= read_numbers(Path(file))
        base = with_numbers(base, found, file)
    pairs = [each for each in said if not each.endswith(".toml")]
    numbers = named_numbers(pairs)
    with wrong_use("--target", PolicyError):
        numbers = checked_numbers(numbers, ", ".join(pairs))
        with_numbers(base, numbers, ", ".join(pairs))
    return found | numbers, ", ".join(said) or "the target"
