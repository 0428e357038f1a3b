"""A catalogue in files: checked as a whole, with every bad row, before the long work begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import index
from index.hashes import id_hashes
from streams.errors import BadFileError
from streams.files import BadRow, read_numbered
from streams.indexed import as_indexed
from streams.items import Item

_IDS_A_STEP = 8_192
_SHOWN = 20


class ItemFiles:
    """Items of several files, each id once. 8 bytes of memory an item."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._repeated: frozenset[int] = frozenset()
        self._is_checked = False
        self.n_items = 0

    def check(
        self,
        on_bad_row: Callable[[BadRow], None],
        *,
        skip_bad: bool = False,
        allow_empty: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Read all rows; afterwards `n_items` is how many are good.

        Args:
            on_bad_row: Told of every bad row; of the first few only where they end the build.
            skip_bad: Leave bad rows out, instead of ending.
            allow_empty: Files without any row are a catalogue, too.
            progress: Told now and then how many rows were read.

        Raises:
            BadFileError: A file cannot be read, or a row is no item or repeats an id; or there is
                no row, or, where bad rows are left out, all are bad.
        """
        words, n_bad = self._survey(progress)
        n_rows = len(words) + n_bad
        self.n_items = len(words)
        self._repeated = frozenset(_repeated(words).tolist())
        if n_bad or self._repeated:
            n_bad = 0
            for row in self.rows():
                if isinstance(row, BadRow):
                    n_bad += 1
                    if skip_bad or n_bad <= _SHOWN:
                        on_bad_row(row)
            self.n_items = n_rows - n_bad
        self._is_checked = True
        if n_bad and skip_bad and not self.n_items:
            raise BadFileError(f"none of {n_rows:,} rows is an item, so nothing was built")
        if n_bad and not skip_bad:
            raise BadFileError(
                f"{n_bad:,} of {self.n_items + n_bad:,} rows cannot be used, so nothing was built: "
                "mend them, or leave them out with --skip-bad"
            )
        if not (n_rows or allow_empty):
            raise BadFileError(
                f"no item in {', '.join(map(str, self._paths))}, so nothing was built: an empty "
                "index would serve nothing. --allow-empty for a shop whose items come over Kafka"
            )

    def items(self) -> Iterator[index.Item]:
        """The good rows, in their order; after `check`, as many as it has found.

        Raises:
            BadFileError: After the last of them: there were more or fewer, as where an export
                writes a file anew meanwhile.
        """
        n_items = 0
        for row in self.rows():
            if not isinstance(row, BadRow):
                n_items += 1
                yield row
        if self._is_checked and n_items != self.n_items:
            raise BadFileError(
                f"{', '.join(map(str, self._paths))}: {self.n_items:,} items when they were "
                f"checked, {n_items:,} when they were read again, so nothing was built: somebody "
                "writes them. Let that end, then build again; better, write beside and rename"
            )

    def rows(self) -> Iterator[index.Item | BadRow]:
        """All rows; after `check`, one that repeats an earlier row's id is bad, too."""
        first: dict[str, str] = {}
        for path in self._paths:
            for number, row in read_numbered(path):
                if isinstance(row, BadRow):
                    yield row
                elif not isinstance(row, Item):
                    kind = type(row).__name__.lower()
                    yield BadRow(path, number, f"a {kind} where items belong")
                elif self._repeated and _word(row.item_id) in self._repeated:
                    if row.item_id in first:
                        reason = f"item_id {row.item_id!r} again, first in {first[row.item_id]}"
                        yield BadRow(path, number, reason)
                        continue
                    first[row.item_id] = f"{path}:{number}"
                    yield as_indexed(row)
                else:
                    yield as_indexed(row)

    def _survey(self, progress: Callable[[int], None] | None) -> tuple[NDArray[np.uint64], int]:
        """(N,) 64 bits of each good row's id, and how many rows are bad."""
        words = [np.empty(0, np.uint64)]
        ids: list[str] = []
        n_good = n_bad = 0
        for row in self.rows():
            if isinstance(row, BadRow):
                n_bad += 1
                continue
            n_good += 1
            ids.append(row.item_id)
            if len(ids) == _IDS_A_STEP:
                words.append(id_hashes(ids)[:, 0])
                ids.clear()
                if progress is not None:
                    progress(n_good)
        words.append(id_hashes(ids)[:, 0])
        return np.concatenate(words), n_bad


def _repeated(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Those that occur more than once."""
    words.sort()
    return np.unique(words[1:][words[1:] == words[:-1]])


def _word(item_id: str) -> int:
    return int(id_hashes([item_id])[0, 0])
