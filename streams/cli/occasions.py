"""Options of the commands that replay events of the past, and how they say a figure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scoring.by_user import Estimate
    from streams.cli.progress import Bars
    from streams.occasions.asking import Hindsight
    from streams.settings import Settings

EventFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="EVENTS",
        help="Clicks and searches in the order of their time, from long enough before --since.",
    ),
]
Since = Annotated[
    datetime,
    typer.Option(
        "--since", formats=["%Y-%m-%d"], help="The first moment (UTC) that counts: a day."
    ),
]
Until = Annotated[
    datetime,
    typer.Option("--until", formats=["%Y-%m-%d"], help="The first that no longer does: a day."),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=1,
        max=200,
        help="Items in a list.",
        show_default="RILLSTREAM_SLATE_SIZE, or 10",
    ),
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", min=1, help="So many lists, drawn by chance.", show_default="all"),
]
PopularityDays = Annotated[
    float,
    typer.Option(
        "--popularity-days", min=0.1, help="Popularity is counted in so many days before --since."
    ),
]


def open_past(
    settings: "Settings",
    files: Sequence[Path],
    start: datetime,
    until: datetime,
    popularity_days: float,
    sample: int | None,
    seed: int,
    *,
    bars: "Bars",
) -> "Hindsight":
    """Replay the files up to the end of a time."""
    from streams.occasions.opening import open_hindsight
    from streams.occasions.reading import Span

    if until <= start:
        raise typer.BadParameter(f"--until {until:%F} is not after --since {start:%F}")
    span = Span(_ms(start), _ms(until), popularity_days)
    return open_hindsight(
        settings,
        files,
        span,
        at_most=sample,
        seed=seed,
        progress=lambda n_events: bars.report("reading events", n_events, n_events),
    )


def said_estimate(difference: "Estimate") -> str:
    """A difference with its interval, and what it proves."""
    low, high = difference.interval
    proves = "" if low > 0 or high < 0 else ": not enough evidence of any difference"
    return f"{difference.value:+.4f} (95 % {low:+.4f} to {high:+.4f}){proves}"


def _ms(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp() * 1000)
