"""`rillstream export`: what was shown and what came of it, as files."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import (
    Broker,
    IndexDir,
    IndexUrl,
    Json,
    Window,
    examples,
    settings_from,
)
from streams.cli.printing import print_json, remark
from streams.cli.waiting import tell_if_awaited


class FileFormat(StrEnum):
    """Of the files."""

    parquet = "parquet"
    jsonl = "jsonl"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "export",
        epilog=examples(
            "rillstream export --out exported --since 2026-11-01",
            "rillstream export --out exported --with-decisions --format jsonl --json",
            "rillstream export --out exported --with-searches --index-dir indexes",
        ),
    )(export)


def export(
    out: Annotated[
        Path, typer.Option(help="Where the result goes: a folder; files of an earlier export go.")
    ],
    broker: Broker = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="The first moment (UTC) that counts: a list's.", show_default="all that is kept"
        ),
    ] = None,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="Of the files.")
    ] = FileFormat.parquet,
    window: Window = None,
    with_decisions: Annotated[
        bool,
        typer.Option(
            "--with-decisions",
            help="Also decisions.jsonl: what each list was drawn from, for policy evaluate.",
        ),
    ] = False,
    with_searches: Annotated[
        bool,
        typer.Option(
            "--with-searches",
            help="Also searched: query and title of what was wanted after searches, for an encoder "
            "to learn; needs the index.",
        ),
    ] = False,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    as_json: Json = False,
) -> None:
    """Write what was shown, and what came of it, as files.

    The joined log has a row for each item of a list that was shown, with its answers, and the
    features of the moment of the decision. joined.parquet has the lists that a ranker made,
    plain.parquet the others, without features. Lists whose window is open are left out.
    """
    settings = settings_from(
        bootstrap_servers=broker, learn_window_s=window, index_dir=index_dir, index_url=index_url
    )
    from scoring.ranker.features import FEATURES
    from scoring.ranker.heads import features_version
    from streams.cli.progress import Bars
    from streams.index_folder import index_store
    from streams.learning.export import export as write
    from streams.learning.timing import Timing
    from streams.logs import configure_logging

    configure_logging(settings)
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    since_ms = 0 if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1000)
    with Bars() as bars:
        exported = write(
            settings,
            Timing.of(settings),
            out,
            suffix=f".{file_format.value}",
            since_ms=since_ms,
            names={features_version(FEATURES): FEATURES},
            progress=bars.report,
            decisions=with_decisions,
            index=index_store(settings) if with_searches else None,
        )
    counts = {name: n for name, n in sorted(exported.counts.items()) if n}
    searches = {name: n for name, n in sorted(exported.searches.items()) if n}
    if as_json:
        said = {"rows": exported.rows, "records": counts}
        print_json({**said, "searches": searches} if with_searches else said)
        return
    for file, n in exported.rows.items():
        print(f"{file}: {n:,} rows")
    if not exported.n_lists:
        print("no list has been shown and closed")
    if counts:
        remark(", ".join(f"{name} {n:,}" for name, n in counts.items()))
    if with_searches:
        remark("searched: " + ", ".join(f"{name} {n:,}" for name, n in searches.items()))
    if counts.get("open"):
        minutes = settings.learn_window_s / 60
        remark(f"open lists are closed {minutes:g} min after their first impression: see --window")
    if counts.get("other_features"):
        remark("lists of another version's columns are in the plain file, without features")
