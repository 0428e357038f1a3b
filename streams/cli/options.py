"""Options that several commands share, and the settings made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.settings import Settings

Broker = Annotated[
    str | None,
    typer.Option(
        "--broker",
        "-b",
        metavar="HOST:PORT",
        help="Kafka address [default: RILLSTREAM_BOOTSTRAP_SERVERS, or 127.0.0.1:9092].",
        show_default=False,
    ),
]
IndexDir = Annotated[
    Path | None,
    typer.Option(
        "--index-dir",
        help="Folder of index versions [default: RILLSTREAM_INDEX_DIR, or ./indexes].",
        show_default=False,
    ),
]
EncoderSource = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="Folder or hub name of an encoder [default: the MiniLM that comes with rillstream].",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]


def settings_from(**given: Any) -> "Settings":
    """Build the settings; an option that was not given leaves environment and files in charge."""
    from streams.settings import load_settings

    return load_settings(**{name: value for name, value in given.items() if value is not None})


def examples(*lines: str) -> str:
    """Return an epilog with the examples that every command shows under its help."""
    title = "Example" if len(lines) == 1 else "Examples"
    return "\n\n".join([f"[bold]{title}[/bold]", *(f"  {line}" for line in lines)])
