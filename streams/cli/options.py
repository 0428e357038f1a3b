"""Options that several commands share, and the settings made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.settings import Settings

# How long a person at a terminal waits for a broker that is not there.
ANSWER_S = 6.0

Broker = Annotated[
    str | None,
    typer.Option(
        "--broker",
        "-b",
        metavar="HOST:PORT",
        help="Kafka address.",
        show_default="RILLSTREAM_BOOTSTRAP_SERVERS, or 127.0.0.1:9092",
    ),
]
IndexDir = Annotated[
    Path | None,
    typer.Option(
        "--index-dir",
        help="Folder of index versions.",
        show_default="RILLSTREAM_INDEX_DIR, or ./indexes",
    ),
]
BuiltDir = Annotated[
    Path | None,
    typer.Option(
        "--index-dir",
        "--out",
        help="Folder of index versions.",
        show_default="RILLSTREAM_INDEX_DIR, or ./indexes",
    ),
]
"""Of what makes one: `--out` is how other commands call the place of their result."""
EncoderSource = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="An encoder: a folder, hub: and a name, or minilm.",
        show_default="RILLSTREAM_ENCODER, or that of the current version",
    ),
]
IndexUrl = Annotated[
    str | None,
    typer.Option(
        "--index-url",
        metavar="URL",
        help="Object store of index versions; the folder is its cache.",
        show_default="RILLSTREAM_INDEX_URL, or none",
    ),
]
MinRecall = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Recall at 100 below which nothing is published.",
        show_default="RILLSTREAM_MIN_RECALL, or 0.9",
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="How many of the newest versions to keep; those in use stay besides.",
        show_default="RILLSTREAM_INDEX_KEEP, or 5",
    ),
]
Announce = Annotated[
    bool, typer.Option("--announce", help="Tell running workers to take the version over.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the recipe's files.", show_default="the recipe's own"),
]
DataHere = Annotated[
    Path, typer.Option("--data", help="Folder of the recipe's files.", show_default="here")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Report rows that cannot be used, and go on.")
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Begin anew where a training was interrupted.")
]
RecipeSeed = Annotated[
    int | None,
    typer.Option(
        "--seed", min=0, help="Another seed, another result.", show_default="the recipe's"
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, help="Another seed, another result."),
]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="Cores for torch.", show_default="1")
]
Lists = Annotated[
    list[Path] | None,
    typer.Option(
        "--lists",
        help="Lists as JSON Lines, as subscribe --json prints them; may be repeated.",
        show_default="the topic",
    ),
]

Window = Annotated[
    float | None,
    typer.Option(
        min=1,
        max=604_800,
        help="Seconds in which answers come: from a list's first impression, or from a search.",
        show_default="RILLSTREAM_LEARN_WINDOW_S, or 1800",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]


def a_speed(text: str | None) -> str | None:
    """Return an option's value; what is no speed is a wrong argument."""
    if text is None:
        return None
    from streams.errors import SettingsError
    from streams.publish import parse_speed

    try:
        parse_speed(text)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def settings_from(**given: Any) -> "Settings":
    """Build the settings; an option that was not given leaves environment and files in charge."""
    from streams.settings import load_settings

    return load_settings(**{name: value for name, value in given.items() if value is not None})


def examples(*lines: str) -> str:
    """Return an epilog with the examples that every command shows under its help."""
    return verbatim(
        "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)
    )


def verbatim(*lines: str) -> str:
    """Return a paragraph whose lines help must not join: it begins with the sign for that."""
    return "\n".join(["\b", *lines])


def new_app(name: str, about: str, epilog: str) -> typer.Typer:
    """Return an empty command or group of commands in our style.

    Help is plain: drawing boxes would take 0.3 s of the half second that help may take.
    """
    return typer.Typer(
        name=name,
        help=about,
        epilog=epilog,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
