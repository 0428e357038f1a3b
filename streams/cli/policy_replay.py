"""`rillstream policy replay`: what policies would have been worth in a time that has passed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.named import must_be_there
from streams.cli.occasions import (
    EventFiles,
    PopularityDays,
    Sample,
    Since,
    Size,
    Until,
    open_past,
    said_estimate,
)
from streams.cli.options import IndexDir, IndexUrl, Json, Seed, examples, settings_from
from streams.cli.printing import bounds_said, number_said, print_json, print_table, remark

if TYPE_CHECKING:
    from scoring.by_user import Estimate
    from streams.occasions.asking import Hindsight, Listed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "replay",
        epilog=examples(
            "rillstream policy replay events.jsonl --since 2026-11-01 --until 2026-12-01",
            "rillstream policy replay events.jsonl --since 2026-11-01 --until 2026-12-01 "
            "--policy tuned/policy.toml --user-groups --json",
        ),
    )(replay)


def replay(
    files: EventFiles,
    start: Since,
    until: Until,
    policy: Annotated[
        list[Path] | None,
        typer.Option(help="A policy file to compare with the settings' own; may be repeated."),
    ] = None,
    user_groups: Annotated[
        bool,
        typer.Option("--user-groups", help="Also by how well a user is known, and by country."),
    ] = False,
    size: Size = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    sample: Sample = None,
    popularity_days: PopularityDays = 28,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure policies on past sessions.

    Each session is predicted at its start, without Kafka. Purchases, new (bought for the first
    time) and clicks are nDCG of the list; unlike is the mean of 1 - cosine over its pairs; tail is
    its share of items outside the most popular fifth. Intervals are of 95 %, over users.
    Differences are to the first line, user by user.
    """
    must_be_there(files, policy)
    from streams.cli.progress import Bars
    from streams.occasions.versions import policies_of

    settings = settings_from(index_dir=index_dir, index_url=index_url, slate_size=size)
    policies = policies_of(settings, policy or [])
    with Bars() as bars:
        hindsight = open_past(
            settings, files, start, until, popularity_days, sample, seed, bars=bars
        )
        listed = {
            name: hindsight.ask(
                each,
                lambda done, total, name=name: bars.report(name, done, total),  # type: ignore[misc]
            )
            for name, each in policies.items()
        }
    remark(f"{len(hindsight.occasions):,} lists of {len(set(hindsight.users)):,} users")
    rows = [_row(name, found, hindsight) for name, found in listed.items()]
    if user_groups:
        rows += [row for name, found in listed.items() for row in _by_group(name, found, hindsight)]
    if as_json:
        for row in rows:
            print_json(row)
    else:
        _print(rows, hindsight)
    first, *others = listed
    for name in others:
        for measure in hindsight.measures():
            gain = hindsight.gain(listed[name], listed[first], measure)
            remark(f"{name} less {first}: {measure} {said_estimate(gain)}")


def _row(name: str, listed: "Listed", hindsight: "Hindsight") -> dict[str, Any]:
    return {
        "policy": name,
        "policy_version": listed.policy_version,
        "group": "all",
        "lists": len(hindsight.occasions),
        **{m: _said(hindsight.estimate(listed, m)) for m in hindsight.measures()},
        "shown": round(listed.shown, 4),
        "gini": round(listed.gini, 4),
    }


def _by_group(name: str, listed: "Listed", hindsight: "Hindsight") -> list[dict[str, Any]]:
    return [
        {
            "policy": name,
            "policy_version": listed.policy_version,
            "group": group,
            "lists": len(rows),
            **{m: _said(hindsight.estimate(listed, m, rows)) for m in hindsight.measures()},
        }
        for group, rows in hindsight.groups().items()
    ]


def _said(estimate: "Estimate") -> dict[str, float]:
    low, high = estimate.interval
    return {"value": round(estimate.value, 4), "low": round(low, 4), "high": round(high, 4)}


def _print(rows: list[dict[str, Any]], hindsight: "Hindsight") -> None:
    measures = hindsight.measures()
    print_table(
        ["policy", "group", "lists", *measures, "shown", "gini"],
        [
            [
                row["policy"],
                row["group"],
                f"{row['lists']:,}",
                *(
                    f"{number_said(row[m]['value'], '.4f')} "
                    f"({bounds_said(row[m]['low'], row[m]['high'], '.3f')})"
                    for m in measures
                ),
                row.get("shown"),
                row.get("gini"),
            ]
            for row in rows
        ],
    )
