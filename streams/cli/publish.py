"""`rillstream publish`: events and items from files, at the speed of their time or faster."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Broker, Json, SkipBad, a_speed, examples, settings_from
from streams.cli.printing import print_json, remark
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from streams.publish import Progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "publish",
        epilog=examples(
            "rillstream publish clicks.jsonl searches.jsonl --speed 10x",
            "rillstream publish events.parquet --now --skip-bad",
            "zcat clicks.jsonl.gz | rillstream publish -",
        ),
    )(publish)


def publish(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="JSON Lines or Parquet files: clicks, searches, items, impressions, or mixed; "
            "- is standard input, JSON Lines."
        ),
    ],
    broker: Broker = None,
    speed: Annotated[
        str,
        typer.Option(
            help="Pace: 1x keeps the pauses between events, 10x shortens them, max has none.",
            callback=a_speed,
        ),
    ] = "max",
    now: Annotated[
        bool, typer.Option("--now", help="Write the moment of sending into at_ms.")
    ] = False,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Send records from files to their topics, in time order.

    A row that is no valid record ends it with exit code 4, unless --skip-bad is given. Items come
    before events.
    """
    from streams.files import STANDARD_INPUT, in_time_order

    must_be_there([file for file in files if file != STANDARD_INPUT])
    settings = settings_from(bootstrap_servers=broker)
    from streams.publish import Publisher, parse_speed, replay

    pace = parse_speed(speed)
    rows = in_time_order(files)
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    publisher = Publisher(settings)
    try:
        with publisher:
            done = replay(
                rows,
                publisher,
                speed=pace,
                times="now" if now else "kept",
                bad_rows="skip" if skip_bad else "stop",
                on_bad_row=lambda row: remark(f"left out: {row}"),
            )
    except (KeyboardInterrupt, SystemExit):
        remark(f"Ended early: {_in_words(publisher.sent)} sent.")
        raise
    _report(done, as_json=as_json)


def _in_words(sent: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} to {topic}" for topic, n in sorted(sent.items())) or "nothing"


def _report(done: "Progress", *, as_json: bool) -> None:
    if as_json:
        print_json(
            {"sent": done.sent, "rejected": done.rejected, "elapsed_s": round(done.elapsed_s, 3)}
        )
        return
    left_out = f"; bad rows left out: {done.rejected:,}" if done.rejected else ""
    print(f"Sent {_in_words(done.sent)} in {done.elapsed_s:.1f} s{left_out}.")
