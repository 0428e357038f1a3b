"""`rillstream subscribe`: recommendations as they arrive."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.options import Broker, Json, examples, settings_from
from streams.cli.printing import remark, visible
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from streams.outputs import Recommendation


class Start(StrEnum):
    """Where to begin."""

    earliest = "earliest"
    latest = "latest"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "subscribe",
        epilog=examples(
            "rillstream subscribe --user ann",
            "rillstream subscribe --from earliest --max 100 --json",
        ),
    )(subscribe)


def subscribe(
    broker: Broker = None,
    user: Annotated[
        str | None,
        typer.Option("--user", help="This user: only lists for them.", show_default="all"),
    ] = None,
    maximum: Annotated[
        int | None,
        typer.Option(
            "--max", min=1, help="At most so many: lists, then it ends.", show_default="never"
        ),
    ] = None,
    start: Annotated[
        Start, typer.Option("--from", help="Begin with what is kept, or with what comes next.")
    ] = Start.latest,
    as_json: Json = False,
) -> None:
    """Print recommendations as they arrive, each once.

    Only what was committed is shown.
    """
    settings = settings_from(bootstrap_servers=broker)
    from streams.logs import configure_logging
    from streams.subscribe import Subscription

    configure_logging(settings)
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    with Subscription(settings, user=user, start=start.value, max_n=maximum) as lists:
        remark(f"Listening at {settings.bootstrap_servers}; Ctrl-C ends it.")
        for recommendation in lists:
            _print(recommendation, as_json=as_json)


def _print(recommendation: "Recommendation", *, as_json: bool) -> None:
    if as_json:
        from streams.records import encode

        print(encode(recommendation).decode(), flush=True)
        return
    trigger = recommendation.trigger
    mark = " (simulated)" if recommendation.simulated else ""
    user, event = visible(recommendation.user_id), visible(trigger.event_id)
    print(f"{user}  after {visible(trigger.type)} {event}{mark}")
    for item in recommendation.items:
        name, reason = visible(item.item_id), visible(item.reason)
        print(f"  {item.rank:>2}. {name:<20} {item.score:7.3f}  {reason}", flush=True)
