"""Items and vectors of a build on disk, in the order in which they came; memory stays small."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item
from index.checks import check_items, unit_rows
from index.column import Column
from index.errors import RejectedInputError
from index.hashes import WIDTH, Hashes, id_hashes, item_hashes

_TOMBSTONE = -1
_IDS_A_STEP = 1 << 18


class StagedItems(Sequence[Item]):
    """Items that are decoded when they are asked for."""

    def __init__(self, path: Path, spans: NDArray[np.int64]) -> None:
        """Read from this file.

        Args:
            path: All items, one behind the other, as MessagePack.
            spans: (N, 2) where each begins and ends.
        """
        self._spans = spans
        self._decode = msgspec.msgpack.Decoder(Item).decode
        self._raw: mmap.mmap | bytes = b""
        if path.stat().st_size:
            with path.open("rb") as file:
                self._raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        """Number of items."""
        return len(self._spans)

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> list[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | list[Item]:
        """Decode one item, or several."""
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        begin, end = self._spans[at]
        return self._decode(self._raw[begin:end])


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """What was staged, all of it on disk until it is touched.

    Attributes:
        items: N items with distinct ids.
        vectors: (N, d) float32 unit rows.
        hashes: (N, 3) uint64, see ``index.hashes``.
        popularity: (N,) float32.
    """

    items: Sequence[Item]
    vectors: NDArray[np.float32]
    hashes: Hashes
    popularity: NDArray[np.float32]


class Staging:
    """Takes the items of a build chunk by chunk. An id may come again: the newest counts."""

    def __init__(self, folder: Path, dim: int) -> None:
        """Write into this folder, which exists and is empty.

        Args:
            folder: Where; the caller removes it.
            dim: Width of a vector.
        """
        self.dim = dim
        self._items_path = folder / "items"
        self._items = self._items_path.open("xb")
        self._spans = Column(folder / "spans", np.int64, 2)
        self._vectors = Column(folder / "vectors", np.float32, dim)
        self._hashes = Column(folder / "hashes", np.uint64, WIDTH)
        self._popularity = Column(folder / "popularity", np.float32, 1)
        # What happened to which id: its row, or that it was removed.
        self._ids = Column(folder / "ids", np.uint64, 2)
        self._rows = Column(folder / "rows", np.int64, 1)
        self._encode = msgspec.msgpack.Encoder().encode

    def __enter__(self) -> Self:
        """Leaving the block ends the writing; what is mapped stays."""
        return self

    def __exit__(self, *_: object) -> None:
        self._items.close()
        for column in (self._spans, self._vectors, self._hashes, self._popularity):
            column.close()
        self._ids.close()
        self._rows.close()

    def __len__(self) -> int:
        """Rows so far, those of repeated and removed items included."""
        return len(self._vectors)

    def add(
        self,
        items: Sequence[Item],
        vectors: NDArray[np.float32],
        *,
        texts: Hashes | None = None,
        popularity: NDArray[np.float32] | None = None,
    ) -> None:
        """Add n items.

        Args:
            items: Checked here.
            vectors: (n, d); scaled to unit length here.
            texts: (n, 2) hashes of what was encoded; None = not known.
            popularity: (n,), at least 0; None = unknown.

        Raises:
            RejectedInputError: Something about them could not be served.
        """
        n = len(items)
        if vectors.shape != (n, self.dim):
            raise RejectedInputError(
                f"vectors have shape {vectors.shape}, {n} items need ({n}, {self.dim})"
            )
        check_items(items)
        self._vectors.append(unit_rows(vectors, items))
        known = np.zeros((n, 2), np.uint64) if texts is None else texts
        self._hashes.append(np.hstack([known, item_hashes(items)]))
        self._popularity.append(np.zeros((n, 1)) if popularity is None else popularity[:, None])
        written = [self._items.write(self._encode(item)) for item in items]
        ends = self._items.tell() - np.sum(written, dtype=np.int64) + np.cumsum(written)
        self._spans.append(np.column_stack([ends - written, ends]))
        self._note([item.item_id for item in items], np.arange(len(self) - n, len(self)))

    def remove(self, item_ids: Sequence[str]) -> None:
        """Forget these items, unless they are added again; ids that never came are no error."""
        self._note(item_ids, np.full(len(item_ids), _TOMBSTONE))

    def finish(self) -> Staged:
        """The newest row of each id that was not removed, in the order of their coming."""
        self._items.flush()
        kept = self._newest()
        columns = (self._spans, self._vectors, self._hashes, self._popularity)
        if len(kept) < len(self):
            for column in columns:
                column.keep(kept)
        return Staged(
            StagedItems(self._items_path, self._spans.map()),
            self._vectors.map(),
            self._hashes.map(),
            self._popularity.map()[:, 0],
        )

    def _note(self, item_ids: Sequence[str], rows: NDArray[np.int64]) -> None:
        self._ids.append(id_hashes(item_ids))
        self._rows.append(rows[:, None])

    def _newest(self) -> NDArray[np.int64]:
        """Rows that count, ascending. 24 bytes of memory an id while it runs."""
        ids = self._ids.map()
        # Stable: of one id, the newest is last. Two ids that share the first word are a rare thing.
        order = np.argsort(ids[:, 0], kind="stable")
        is_last, is_mixed = _ends(ids, order)
        if is_mixed:
            order = np.lexsort((ids[:, 1], ids[:, 0]))
            is_last, _ = _ends(ids, order)
        rows = self._rows.map()[order[is_last], 0]
        del order
        return np.sort(rows[rows != _TOMBSTONE])


def _ends(ids: Hashes, order: NDArray[np.int64]) -> tuple[NDArray[np.bool_], bool]:
    """Which ids in this order have another one behind them; whether one word would not tell."""
    is_last, is_mixed = np.ones(len(order), np.bool_), False
    for start in range(0, len(order) - 1, _IDS_A_STEP):
        some = ids[order[start : start + _IDS_A_STEP + 1]]
        differs = some[1:] != some[:-1]
        is_last[start : start + len(differs)] = differs.any(axis=1)
        is_mixed |= bool((differs[:, 1] & ~differs[:, 0]).any())
    return is_last, is_mixed
