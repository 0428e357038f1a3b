"""The folder of `rillstream retune`: what a killed run leaves for the next one.

    rows/           what was exported: learned from, and held out; and what was asked for
    model/          the encoder, once it is trained; its checkpoints are beside it until then
    done.json       what came of it; the next run begins anew

Whatever is there is whole: a folder gets its name when all of it is written.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from index import BusyError
from scoring.saved.whole_folder import whole_folder
from scoring.strict_json import strict_json
from streams.learning.searched import SearchedRow, read_searched, write_searched

ROWS: Final = "rows"
LEARNED: Final = "searched.parquet"
_HELD_OUT: Final = "held-out.parquet"
_ASKED: Final = "asked.json"
_STALE_S: Final = 24 * 3600.0
"""Older rows are exported again: there is newer evidence by now."""


class Retuning:
    """One run, as far as it is."""

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self._folder = folder
        self._asked = dict(asked)
        self.rows = folder / ROWS
        self.model = folder / "model"

    @property
    def learned(self) -> Path:
        """The file of rows that are learned from."""
        return self.rows / LEARNED

    def keep_rows(self, rows: Sequence[SearchedRow], held_out: float) -> None:
        """Part them in time, and keep them.

        Args:
            rows: In the order of searches.
            held_out: Share of them, the newest; a search is on one side as a whole.
        """
        cut = round((1 - held_out) * len(rows))
        while 0 < cut < len(rows) and _search(rows[cut - 1]) == _search(rows[cut]):
            cut -= 1
        with whole_folder(self.rows) as part:
            write_searched(rows[:cut], part / LEARNED)
            write_searched(rows[cut:], part / _HELD_OUT)
            (part / _ASKED).write_text(json.dumps(self._asked), "utf-8")

    def held_out(self) -> list[SearchedRow]:
        """The newest rows, from which nothing is learned."""
        return read_searched(self.rows / _HELD_OUT)

    def n_learned(self) -> int:
        """How many rows there are to learn from."""
        from pyarrow import parquet

        return int(parquet.read_metadata(self.learned).num_rows)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Say what came of it."""
        part = self._folder / ".done.json"
        part.write_text(strict_json(result), "utf-8")
        part.replace(self._folder / "done.json")

    def begin(self, *, restart: bool, say: Callable[[str], None]) -> None:
        """Keep what a killed run of the same request has left today, or clear the folder."""
        why = self._why_anew(restart)
        if why is None:
            say(f"going on with what a run that was killed has left in {self._folder}")
            return
        if why:
            say(f"beginning anew in {self._folder}: {why}")
        _forget(self.rows)  # first: without rows nothing else counts
        _forget(self.model)
        for left in self._folder.glob(".*.training"):
            shutil.rmtree(left)
        (self._folder / "done.json").unlink(missing_ok=True)

    def _why_anew(self, restart: bool) -> str | None:
        """None = go on; '' = there is nothing to speak of."""
        if restart or not self.rows.exists() or (self._folder / "done.json").exists():
            return ""
        asked = json.loads((self.rows / _ASKED).read_text("utf-8"))
        if other := [name for name in self._asked if asked.get(name) != self._asked[name]]:
            return f"what was begun there differs in {', '.join(other)}"
        if time.time() - self.rows.stat().st_mtime > _STALE_S:
            return "what was exported there is older than a day"
        return None


@contextmanager
def retuning(folder: Path, asked: Mapping[str, Any]) -> Iterator[Retuning]:
    """Have the folder to oneself.

    Args:
        folder: Made where it is missing.
        asked: What decides the result; a killed run of another request is forgotten.

    Raises:
        BusyError: Another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another rillstream retune works in {folder}: let it end") from None
        yield Retuning(folder, asked)


def _forget(folder: Path) -> None:
    """Take its name away before its files: killed in between, half of it would pass for whole."""
    gone = folder.with_name(f".{folder.name}.gone")
    if gone.exists():
        shutil.rmtree(gone)
    if folder.exists():
        folder.rename(gone)
        shutil.rmtree(gone)


def _search(row: SearchedRow) -> tuple[str, str]:
    return row.user_id, row.event_id
