"""How often each item occurs in files of events, in 12 bytes of memory an item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.hashes import id_hashes
from streams.errors import BadFileError
from streams.events import Click
from streams.files import BadRow, read_records

_IDS_A_STEP = 262_144


class Popularity:
    """Counts of ids, kept as hashes."""

    def __init__(self) -> None:
        self._words = np.empty(0, np.uint64)
        self._counts = np.empty(0, np.float32)

    @classmethod
    def of_files(cls, paths: Sequence[Path]) -> Popularity:
        """Count the events of these files; a return is no sign of popularity.

        Raises:
            BadFileError: A row is no valid record; the message has file and line.
        """
        return cls.of_ids(_clicked(paths))

    @classmethod
    def of_ids(cls, item_ids: Iterable[str]) -> Popularity:
        """Count ids."""
        counted, step = cls(), list[str]()
        for item_id in item_ids:
            step.append(item_id)
            if len(step) == _IDS_A_STEP:
                counted.add(step, np.ones(len(step), np.float32))
                step.clear()
        counted.add(step, np.ones(len(step), np.float32))
        return counted

    def add(self, item_ids: Sequence[str], counts: NDArray[np.float32]) -> None:
        """Count n ids, each as often as (n,) ``counts`` says."""
        words = np.concatenate([self._words, id_hashes(item_ids)[:, 0]])
        self._words, place = np.unique(words, return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._counts = np.bincount(place, weights, len(self._words)).astype(np.float32)

    def of(self, item_ids: Sequence[str]) -> NDArray[np.float32]:
        """(n,) how often each was counted."""
        found = np.zeros(len(item_ids), np.float32)
        if len(self._words):
            wanted = id_hashes(item_ids)[:, 0]
            place = np.searchsorted(self._words, wanted).clip(max=len(self._words) - 1)
            same = self._words[place] == wanted
            found[same] = self._counts[place[same]]
        return found


def _clicked(paths: Sequence[Path]) -> Iterable[str]:
    for path in paths:
        for row in read_records(path):
            if isinstance(row, BadRow):
                raise BadFileError(str(row))
            if isinstance(row, Click) and row.type != "return" and row.item_id is not None:
                yield row.item_id
