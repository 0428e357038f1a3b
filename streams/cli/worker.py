"""`rillstream worker`: one stream worker, or several under a supervisor."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.faiss_build import installed, require_one
from streams.cli.options import Broker, IndexDir, IndexUrl, examples, settings_from
from streams.cli.waiting import tell_if_awaited


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "worker",
        epilog=examples(
            "rillstream worker",
            "rillstream worker --broker kafka:9092 --workers 2 --state-dir /var/lib/rillstream",
        ),
    )(worker)


def worker(
    broker: Broker = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="An encoder: that of the index, where it is not beside it.",
            show_default="RILLSTREAM_ENCODER, or the MiniLM that comes along",
        ),
    ] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of local state: the user rows.",
            show_default="RILLSTREAM_STATE_DIR, or ./state",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Run this many worker processes and restart those that crash. "
            "Without it this process is the worker and ends when it fails.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Turn clicks and searches into recommendations until stopped.

    Ctrl-C or SIGTERM drains: what was read is finished and committed first. Exit code 75 means that
    another worker took over, 3 that the broker was away: start it again.
    """
    require_one(installed())
    settings = settings_from(
        bootstrap_servers=broker,
        index_dir=index_dir,
        index_url=index_url,
        state_dir=state_dir,
        encoder=encoder,
    )
    if workers is None:
        from streams.worker import run

        tell_if_awaited(settings.bootstrap_servers)
        return run(settings)
    from streams.cli.supervisor import Supervisor

    return Supervisor(settings, n_workers=workers).run()
