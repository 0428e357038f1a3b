"""How commands print: data on stdout, progress and remarks on stderr, JSON for scripts."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def print_json(record: Mapping[str, Any]) -> None:
    """Print one object as one line and flush, so that a script behind a pipe sees it at once."""
    print(json.dumps(record, ensure_ascii=False, default=str), flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings, as wide as the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)


def remark(line: str) -> None:
    """Tell the person at the terminal something that is not output."""
    print(line, file=sys.stderr, flush=True)
