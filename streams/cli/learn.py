"""`rillstream learn`: the online learner."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Broker, Json, examples, settings_from
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from rich.console import Console

    from streams.learning.course import Course, Taught


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "learn",
        epilog=examples(
            "rillstream learn --ranker models/ranker",
            "rillstream learn --every 300 --json",
        ),
    )(learn)


def learn(
    broker: Broker = None,
    ranker: Annotated[
        Path | None,
        typer.Option(help="Folder of a ranker: its heads learn.", show_default="RILLSTREAM_RANKER"),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=86_400,
            help="Seconds of event time from one round, and its heads, to the next.",
            show_default="RILLSTREAM_LEARN_EVERY_S, or 60",
        ),
    ] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of local state: the learner's is below, in `learner`.",
            show_default="RILLSTREAM_STATE_DIR, or ./state",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Keep a ranker's heads fresh from what users do with lists.

    Decisions, impressions and clicks are joined; new heads go to the workers, which swap them in.
    Runs until Ctrl-C or SIGTERM; a restart goes on from exactly where it was.
    """
    settings = settings_from(
        bootstrap_servers=broker, ranker=ranker, learn_every_s=every, state_dir=state_dir
    )
    must_be_there(settings.ranker)
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    from streams.learning.worker import run

    if as_json:
        return run(settings, _print_round)
    from streams.cli.console import Console

    with Status(Console(stderr=True)) as status:
        return run(settings, status)


def said(taught: "Taught", course: "Course") -> dict[str, object]:
    """A round as one flat object."""
    held = taught.round
    measured = {
        f"{task}_{name}": round(getattr(found, name), 6)
        for task, found in held.measured.items()
        for name in ("auc", "log_loss", "calibration", "rate")
    }
    return {
        "until_ms": taught.until_ms,
        "heads_version": taught.version,
        "lists": taught.n_lists,
        "rows": held.n_rows,
        "steps": held.n_steps,
        "drift": held.drift,
        "rolled_back": held.rolled_back,
        "excess": round(held.excess, 6),
        "waiting": course.join.n_waiting,
        **{name: None if value != value else value for name, value in measured.items()},
        "records": dict(course.join.counts + course.counts),
    }


def _print_round(taught: "Taught", course: "Course") -> None:
    print(json.dumps(said(taught, course)), flush=True)


class Status:
    """One line that changes on a terminal; elsewhere a line a round."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._status = console.status("waiting for the first round")

    def __enter__(self) -> "Status":
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def __call__(self, taught: "Taught", course: "Course") -> None:
        """One round was held."""
        held = taught.round
        parts = [
            f"{taught.version}: {course.learner.n_rows:,} rows, {course.join.n_waiting:,} waiting"
        ]
        parts += [
            f"{task} AUC {found.auc:.3f}, log loss {found.log_loss:.4f}"
            for task, found in held.measured.items()
        ]
        parts += ["drift"] if held.drift else []
        parts += ["ROLLED BACK"] if held.rolled_back else []
        line = " · ".join(parts)
        if self._console.is_terminal:
            self._status.update(line)
        else:
            self._console.print(line, highlight=False, soft_wrap=True)
