"""`rillstream demo`: the whole path on one machine, with nothing installed beside it."""

from typing import Annotated

import typer

from streams.cli.options import Json, a_speed, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "demo",
        epilog=examples("rillstream demo", "rillstream demo --speed max --max 2000"),
    )(demo)


def demo(
    speed: Annotated[
        str | None,
        typer.Option(
            help="Pace: 1x keeps the pauses between events, 60x shortens them, max has none.",
            callback=a_speed,
            show_default="60x; max where there is no terminal",
        ),
    ] = None,
    maximum: Annotated[
        int | None,
        typer.Option(
            "--max",
            min=1,
            help="At most so many: events, then it ends.",
            show_default="none; 500 where there is no terminal",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Replay a real gift shop's log and watch the lists arrive.

    An embedded broker, an index of the shop's items (built once, then kept in ~/.cache/rillstream),
    and a worker in a process of its own. The shop's log has purchases and returns; searches are
    simulated and marked. Settings of your own do not apply here. Ends with a summary.
    """
    from streams.demo.run import Demo

    return Demo(speed=speed, n_events=maximum, as_json=as_json).run()
