"""How commands print: data on stdout, progress and remarks on stderr, JSON for scripts."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.cli.console import Console

UNBOUNDED = 10_000
_RULE = 160
"""Columns of a table's rule at most, where one long cell makes a table of any width."""


def console() -> "Console":
    """Return stdout for rich: as wide as the terminal, never folded in a file or pipe."""
    from streams.cli.console import Console

    out = Console(highlight=False, soft_wrap=True)
    return out if out.is_terminal else Console(highlight=False, soft_wrap=True, width=UNBOUNDED)


def print_json(record: Mapping[str, Any]) -> None:
    """Print one object as one line and flush, so that a script behind a pipe sees it at once."""
    print(json_line(record), flush=True)


def json_line(record: Mapping[str, Any]) -> str:
    """One object as one line; null where a number is none, for JSON has no nan and no infinity."""
    from scoring.strict_json import strict_json

    return strict_json(record, default=str)


def number_said(value: float, form: str) -> str:
    """A number for people; "none" where it is none."""
    return "none" if math.isnan(value) else f"{value:{form}}"


def bounds_said(low: float, high: float, form: str) -> str:
    """An interval for people; "none" where there is none."""
    return "none" if math.isnan(high - low) else f"{low:{form}} – {high:{form}}"


def moment(at_ms: int) -> str:
    """A moment as people read it: 2026-01-01 12:00:00 UTC; of years that no calendar has, in ms."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%F %T UTC")
    except (ValueError, OverflowError):  # a message may have any time that its sender gave it
        return f"{at_ms:,} ms"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, copied: str | None = None
) -> None:
    """Print rows under headings; what does not fit is folded, not cut.

    Cells are printed as they are: a title may have what rich takes for markup ("[set of 4]"), or
    what moves the cursor.

    Args:
        columns: Headings.
        rows: A cell for each.
        copied: Column whose cells people copy into the next command: the others fold first.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    def plain(cell: object) -> Text:
        return Text("" if cell is None else visible(str(cell)))

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(plain(column), overflow="fold", no_wrap=column == copied)
    for row in rows:
        table.add_row(*map(plain, row))
    out = console()
    with out.capture() as drawn:
        out.print(table)
    # In a file or pipe one long cell would fill all other lines with spaces, and rule as far.
    lines = [line.rstrip() for line in drawn.get().splitlines()]
    if not out.is_terminal:
        lines = [line[:_RULE] if set(line) == {" ", "─"} else line for line in lines]
    print("\n".join(lines))


def visible(text: str) -> str:
    """A text of somebody else's on one line: what would move a terminal's cursor is spelled out."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def remark(line: str) -> None:
    """Tell the person at the terminal something that is not output."""
    print(line, file=sys.stderr, flush=True)
