"""Records whose header names are no UTF-8, which aiokafka refuses to read, and all behind them.

Nobody here reads such a header, but a worker that cannot read past one ends at every start.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH: Final = struct.Struct(">8xi")  # of what follows it, in all formats of batches


class AnyNames:
    """What was fetched of a partition, as `aiokafka.record.memory_records.MemoryRecords` has it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._records = MemoryRecords(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        """The next batch; None where there is none."""
        batch = self._records.next_batch()
        if not isinstance(batch, DefaultRecordBatch):  # none, or of a format without headers
            return batch
        begin, (length,) = self._at, _LENGTH.unpack_from(self._raw, self._at)
        self._at += _LENGTH.size + length
        return _Batch(batch, memoryview(self._raw)[begin : self._at])


class _Batch:
    """A batch of aiokafka's; one that it cannot read whole is read again, and slower."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except UnicodeDecodeError:
            again = _DefaultRecordBatchPy(self._raw)
            again._maybe_uncompress()
            again._buffer = _Lenient(again._buffer)
            yield from again  # the fetcher passes over offsets that it has had


class _Lenient(bytearray):
    """Bytes whose parts decode, whatever they are: what is no UTF-8 is shown in hexadecimal."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def accept_any_header_names() -> None:
    """Have all consumers of aiokafka's in this process read such records."""
    fetcher.MemoryRecords = AnyNames
