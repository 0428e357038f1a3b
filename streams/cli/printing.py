"""How commands print: data on stdout, progress and remarks on stderr, JSON for scripts."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

UNBOUNDED = 10_000


def console() -> "Console":
    """Return stdout for rich: as wide as the terminal, never folded in a file or pipe."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=True)
    return out if out.is_terminal else Console(highlight=False, soft_wrap=True, width=UNBOUNDED)


def print_json(record: Mapping[str, Any]) -> None:
    """Print one object as one line and flush, so that a script behind a pipe sees it at once."""
    print(json.dumps(record, ensure_ascii=False, default=str), flush=True)


def number_or_null(value: float) -> float | None:
    """The same number; JSON has no nan."""
    return None if value != value else value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings; what does not fit is folded, not cut."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(table)


def remark(line: str) -> None:
    """Tell the person at the terminal something that is not output."""
    print(line, file=sys.stderr, flush=True)
