"""`rillstream experiment …`: look at a file of variants, and at what came of it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from streams.cli.named import must_be_there
from streams.cli.options import Broker, Json, Lists, examples, new_app, settings_from
from streams.cli.printing import bounds_said, number_said, print_json, print_table, remark

if TYPE_CHECKING:
    from scoring.experiments.experiment import Experiment
    from scoring.experiments.results import Results, Row
    from streams.experiments.tally import Skipped, Tally

File = Annotated[Path, typer.Argument(help="Variants in TOML, see docs/experiments.md.")]

app = new_app(
    "experiment",
    "Compare policies on real users: variants, shadows, results.",
    examples("rillstream experiment report experiment.toml"),
)


@app.callback()
def _group() -> None:
    """Compare policies on real users: variants, shadows, results."""


@app.command(
    epilog=examples(
        "rillstream experiment check experiment.toml",
        "rillstream experiment check experiment.toml --user ann --json",
    )
)
def check(
    file: File,
    user: Annotated[
        list[str] | None, typer.Option(help="This user: also say what they get; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a file of variants means to workers with these settings."""
    must_be_there(file)
    from streams.experiment_file import experiment_of
    from streams.policy_file import policy_of

    settings = settings_from(experiment=file)
    own = policy_of(settings)
    experiment = experiment_of(settings, own)
    if experiment is None:
        raise typer.BadParameter(f"{file} is no file of variants")
    arms = [("variant", arm) for arm in experiment.variants]
    arms += [("shadow", arm) for arm in experiment.shadows]
    said = [
        {
            "name": arm.name,
            "kind": kind,
            "share": arm.share,
            "policy_version": arm.policy(own).version,
            "numbers": {name: _as_written(value) for name, value in arm.numbers.items()},
        }
        for kind, arm in arms
    ]
    users = {each: _gets(experiment, each) for each in user or []}
    if as_json:
        print_json({"experiment": experiment.name, "arms": said, "users": users})
        return
    print_table(
        [experiment.name, "", "share", "policy", "numbers"],
        [
            [
                each["name"],
                each["kind"],
                f"{each['share']:.3g}",
                each["policy_version"],
                ", ".join(f"{name} = {_in_short(value)}" for name, value in arm.numbers.items()),
            ]
            for each, (_, arm) in zip(said, arms, strict=True)
        ],
    )
    outside = 1 - sum(arm.share for arm in experiment.variants)
    if outside > 1e-9:
        print(f"{outside:.3g} of the users are in no variant and get {own.version}")
    for name, gets in users.items():
        print(f"{name}: {gets['variant'] or 'no variant'}; shadows: {gets['shadows'] or 'none'}")


def _as_written(value: Any) -> Any:
    """A number as a policy file has it: a ranker is its folder, beliefs are a table."""
    from scoring.ranker.named import NamedRanker

    return str(value.folder) if isinstance(value, NamedRanker) else msgspec.to_builtins(value)


def _in_short(value: Any) -> Any:
    """The same for a cell: beliefs by how many weights they are of."""
    from scoring.slates.beliefs import Beliefs

    return f"{len(value.mean)} weights" if isinstance(value, Beliefs) else _as_written(value)


@app.command(
    epilog=examples(
        "rillstream experiment report experiment.toml",
        "rillstream experiment report experiment.toml --lists lists.jsonl --events clicks.jsonl "
        "--json",
    )
)
def report(
    file: File,
    lists: Lists = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            help="Files of clicks: JSON Lines or Parquet; may be repeated.",
            show_default="the topic",
        ),
    ] = None,
    broker: Broker = None,
    as_json: Json = False,
) -> None:
    """Compare the variants by what their users did.

    The unit is the user, from the first list on. Before any figure it is checked that the variants
    have as many users as their shares say; where they have not, no figure is to be trusted.
    """
    from scoring.experiments.experiment import read_experiment
    from scoring.experiments.results import results
    from streams.experiments.tally import Tally

    if bool(lists) != bool(events):
        raise typer.BadParameter("--lists and --events go together; without both, topics are read")
    must_be_there(file, lists, events)
    experiment = read_experiment(file)
    if not experiment.variants:
        raise typer.BadParameter(f"{file} has shadows only, which no user sees: nothing to compare")
    shares = {arm.name: arm.share for arm in experiment.variants}
    tally = Tally(experiment.name, shares)
    _read(tally, lists or [], events or [], broker, quiet=as_json)
    found = results(tally.users, shares)
    if as_json:
        print_json(_ratio(experiment, found, tally))
        for row in found.rows:
            print_json(_row(row))
        return
    _print(experiment, found, tally.skipped)


def _gets(experiment: "Experiment", user: str) -> dict[str, Any]:
    arm = experiment.variant_of(user)
    shadows = [shadow.name for shadow in experiment.shadows_of(user)]
    return {"variant": None if arm is None else arm.name, "shadows": ", ".join(shadows)}


def _read(
    tally: "Tally", lists: list[Path], events: list[Path], broker: str | None, *, quiet: bool
) -> None:
    from streams.cli.progress import Bars
    from streams.cli.waiting import tell_if_awaited
    from streams.experiments.reading import read_files, read_topics

    with Bars() as bars:

        def progress(stage: str, n_read: int) -> None:
            bars.report(stage, n_read, 0)

        if lists:
            read_files(tally, lists, events, progress)
            return
        settings = settings_from(bootstrap_servers=broker)
        tell_if_awaited(settings.bootstrap_servers, quiet=quiet)
        if n_bad := read_topics(tally, settings, progress):
            remark(f"{n_bad:,} messages could not be read and were left out")


def _ratio(experiment: "Experiment", found: "Results", tally: "Tally") -> Mapping[str, Any]:
    return {
        "experiment": experiment.name,
        "users": dict(zip((a.name for a in experiment.variants), found.ratio.counts, strict=True)),
        "expected": found.ratio.expected,
        "chance": found.ratio.chance,
        "sample_ratio_mismatch": found.ratio.is_mismatch,
        "skipped": asdict(tally.skipped),
    }


def _row(row: "Row") -> Mapping[str, Any]:
    low, high = row.estimate.interval
    said = {
        "measure": row.measure,
        "variant": row.variant,
        "value": row.estimate.value,
        "low": low,
        "high": high,
    }
    if row.difference is not None:
        low, high = row.difference.interval
        said |= {
            "difference": row.difference.value,
            "difference_low": low,
            "difference_high": high,
            "verdict": row.verdict,
        }
    return said


def _print(experiment: "Experiment", found: "Results", skipped: "Skipped") -> None:
    print_table(
        [experiment.name, "users", "expected"],
        [
            [arm.name, f"{n_users:,}", f"{expected:,.0f}"]
            for arm, n_users, expected in zip(
                experiment.variants, found.ratio.counts, found.ratio.expected, strict=True
            )
        ],
    )
    if found.ratio.is_mismatch:
        print(
            f"SAMPLE RATIO MISMATCH: shares would give such counts with a chance of "
            f"{found.ratio.chance:.2g}. Something picks users; no figure below is to be trusted. "
            "Look for lost events, for failures of one variant, and for a file that was changed."
        )
    print_table(
        ["measure", "variant", "value", "95 %", "difference", "95 %", ""],
        [_cells(row) for row in found.rows],
    )
    told = [f"{n:,} {name.replace('_', ' ')}" for name, n in asdict(skipped).items() if n]
    if told:
        remark("Not counted, or to be known: " + ", ".join(told))


def _cells(row: "Row") -> list[str]:
    low, high = row.estimate.interval
    cells = [
        row.measure,
        row.variant,
        number_said(row.estimate.value, ".4g"),
        bounds_said(low, high, ".4g"),
    ]
    if row.difference is None:
        return [*cells, "", "", ""]
    low, high = row.difference.interval
    of = row.difference.value
    return [*cells, number_said(of, "+.4g"), bounds_said(low, high, "+.4g"), str(row.verdict)]
