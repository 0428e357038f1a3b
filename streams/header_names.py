"""Records whose header names are no UTF-8, which aiokafka refuses to read, and all behind them.

Nobody here reads such a header, but a worker that cannot read past one ends at every start.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_HEAD: Final = struct.Struct(">8xi4xB")  # of all formats: the length of what follows it, the format
_LENGTH_ENDS: Final = 12
_WITH_HEADERS: Final = 2


class AnyNames(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka has no types here
    """aiokafka's records of a partition; a batch that it cannot read is read again, and slower."""

    _records: Any

    def _unpack_records(self) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except UnicodeDecodeError:
            # Whose transactions were aborted is known up to this batch: nothing before it is read.
            self._records = _Rest(self._records.raw, self.next_fetch_offset)
            yield from super()._unpack_records()


class Kept(MemoryRecords):  # type: ignore[misc]  # chosen at run time
    """aiokafka's batches of a fetch, and their bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.raw = raw


class _Rest:
    """Batches that end behind an offset, read with any names."""

    def __init__(self, raw: bytes, offset: int) -> None:
        self._batches = [each for each in _batches(raw) if each.next_offset > offset]

    def has_next(self) -> bool:
        return bool(self._batches)

    def next_batch(self) -> _Batch:
        return self._batches.pop(0)


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]  # it is final, says aiokafka
    """A batch whose names decode, whatever they are."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Lenient(self._buffer)


def _batches(raw: bytes) -> Iterator[_Batch]:
    """Whole ones of the format that has headers: a broker may cut the last one off."""
    at = 0
    while at + _HEAD.size <= len(raw):
        length, magic = _HEAD.unpack_from(raw, at)
        begin, at = at, at + _LENGTH_ENDS + length
        if magic >= _WITH_HEADERS and at <= len(raw):
            yield _Batch(raw[begin:at])


class _Lenient(bytearray):
    """Bytes whose parts decode, whatever they are: what is no UTF-8 is shown in hexadecimal."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def accept_any_header_names() -> None:
    """Have all consumers of aiokafka's in this process read such records."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = Kept, AnyNames
