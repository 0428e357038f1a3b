"""Results as JSON Lines: a file that is there whole, or not at all."""

import os
from collections.abc import Iterable, Mapping
from errno import ENOENT
from pathlib import Path
from typing import Any

from streams.cli.printing import json_line


def write_lines(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a row a line; what has no place is told before the first row is asked for.

    Args:
        out: A file, which appears when all rows are written; or a pipe, as `/dev/stdout` may be.
        rows: Not asked for before it is known that they can be written.

    Raises:
        FileNotFoundError: Its folder is missing.
        IsADirectoryError: It is a folder.
    """
    from scoring.saved.whole_folder import settle

    if not out.parent.is_dir():
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(out.parent))
    lines = (json_line(row) + "\n" for row in rows)
    if out.exists() and not out.is_file():
        with out.open("w", encoding="utf-8") as stream:
            stream.writelines(lines)
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.writelines(lines)
        settle(part, out)
    finally:
        part.unlink(missing_ok=True)
