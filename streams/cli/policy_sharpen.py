"""`rillstream policy sharpen`: how sharply a log says that its policy should draw."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.exits import Exit
from streams.cli.named import must_be_there, wrong_use
from streams.cli.options import Json, examples
from streams.cli.printing import print_json, print_table
from streams.cli.weighing import (
    Estimator,
    Log,
    RequiredDecisions,
    Reward,
    Simulated,
    bounds,
    chosen,
    interval_said,
    look,
    read_lists,
)

if TYPE_CHECKING:
    from scoring.offpolicy.sharpening import Tried


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "sharpen",
        epilog=examples(
            "rillstream policy sharpen log.jsonl --decisions decisions.jsonl --out sharper.toml",
            "rillstream policy sharpen log.jsonl --decisions decisions.jsonl "
            "--temperature 0.05 --temperature 0.02 --reward worth --json",
        ),
    )(sharpen)


def sharpen(
    log: Log,
    decisions: RequiredDecisions,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            help="To ask about; may be repeated.", show_default="1.25 to 0.3 times the log's"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Where the result goes: a policy file for the surest.",
            show_default="none",
        ),
    ] = None,
    reward: Reward = "clicked",
    estimator: Estimator = None,
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """Find the softmax temperature whose gain a log is surest of.

    All lists of the log must have been drawn by one softmax. The surest is the one with the highest
    lower bound, if that is above 0; else the exit code is 7. It was chosen on this log: promote it
    by a later one.
    """
    must_be_there(log, decisions)
    from scoring.errors import EvidenceError
    from scoring.offpolicy.sharpening import STEPS, sharpened, softmax_of, surest
    from scoring.offpolicy.target import Target
    from scoring.policy_file import write_numbers
    from streams.cli.progress import Bars
    from streams.policy_candidate import Decisions

    with wrong_use("--temperature", EvidenceError):
        for asked in temperature or ():
            Target({"temperature": asked})
    lists, lost = read_lists(log, reward, simulated=simulated)
    records = Decisions(decisions, frozenset(lists.ids.tolist()))
    with Bars() as bars:
        look(records)
        logged = softmax_of(records.drawings)
        tried = sharpened(
            lists,
            records,
            temperature or [float(f"{step * logged.temperature:.3g}") for step in STEPS],
            lost,
            lambda report: chosen(report, estimator),
            told=lambda done, total: bars.report("following lists", done, total),
        )
    best = surest(tried)
    if best is not None and out is not None:
        about = f"rillstream policy sharpen: {reward} a list {_gain(best)}; to be proven by others"
        write_numbers(out, {"draw": "softmax", "temperature": best.temperature}, about)
    if as_json:
        for each in tried:
            print_json(_record(each, logged.temperature))
        print_json({"surest": None if best is None else best.temperature})
    else:
        _show(tried, logged.temperature)
        print(
            "no other temperature gains for certain"
            if best is None
            else f"surest: temperature {best.temperature:.4g}, {_gain(best)}"
        )
    if best is None:
        raise typer.Exit(Exit.BELOW_TARGET)


def _show(tried: "list[Tried]", logged: float) -> None:
    report = tried[0].report
    print(
        f"{report.n_lists:,} lists of {report.n_users:,} users, drawn at temperature {logged:.4g}; "
        f"a list earned {report.logged:.5g}"
    )
    for reason, count in report.excluded.items():
        print(f"left out: {count:,} · {reason}")
    print_table(
        ("temperature", "gain", "95 %", "worth lists", "evidence"),
        [
            (
                f"{each.temperature:.4g}",
                f"{each.row.gain:+.4g}",
                interval_said(each.row.gain_interval, sign="+"),
                f"{each.row.effective:,.0f}",
                "; ".join(each.lacking) or "enough",
            )
            for each in tried
        ],
    )


def _gain(tried: "Tried") -> str:
    return f"at least {tried.surely:+.4g} by {tried.row.name} (estimate {tried.row.gain:+.4g})"


def _record(tried: "Tried", logged: float) -> dict[str, Any]:
    return {
        "temperature": tried.temperature,
        "logged_temperature": logged,
        "lists": tried.report.n_lists,
        "estimator": tried.row.name,
        "gain": tried.row.gain,
        "gain_interval": bounds(tried.row.gain_interval),
        "effective": tried.row.effective,
        "lacking": list(tried.lacking),
    }
