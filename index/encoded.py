"""Vectors that a build has encoded so far, in a file: a killed build goes on where it was."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from index.hashes import Hashes
from index.known import Known

_RECORDS_A_STEP = 8_192


class EncodedLog:
    """Records of checksum, hash and vector, appended one batch after the other.

    Each batch reaches the operating system before ``append`` returns, so that kill -9 loses none of
    it. What a power failure leaves at the end, half written or empty, is cut off by the checksums;
    records that a disk has damaged are left out.

    Attributes:
        known: What was in it when it was opened.
        n_damaged: Records among those that are left out.
    """

    def __init__(self, path: Path, dim: int) -> None:
        """Open or start the log; one process at a time.

        Args:
            path: Of vectors of one encoder.
            dim: Width of a vector.
        """
        self._record = np.dtype(
            [("checksum", "<u4"), ("hash", "<u8", (2,)), ("vector", "<f4", (dim,))]
        )
        self._file = path.open("a+b")
        sound = self._sound()
        n_records = int(sound[-1]) + 1 if len(sound) else 0
        self._file.truncate(n_records * self._record.itemsize)
        self.n_damaged = n_records - len(sound)
        self.known = self._known(path, n_records, sound)

    def __enter__(self) -> Self:
        """Leaving the block closes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, hashes: Hashes, vectors: NDArray[np.float32]) -> None:
        """Add n vectors.

        Args:
            hashes: (n, 2) what was encoded.
            vectors: (n, d).
        """
        records = np.zeros(len(hashes), self._record)
        records["hash"], records["vector"] = hashes, vectors
        records["checksum"] = [_checksum(record) for record in records]
        self._file.write(records.tobytes())
        self._file.flush()

    def _sound(self) -> NDArray[np.int64]:
        """Numbers of the records that are whole, ascending."""
        sound: list[NDArray[np.int64]] = []
        n_read = 0
        self._file.seek(0)
        while raw := self._file.read(_RECORDS_A_STEP * self._record.itemsize):
            records = np.frombuffer(raw, self._record, len(raw) // self._record.itemsize)
            checksums = np.fromiter(map(_checksum, records), np.uint32, len(records))
            sound.append(n_read + np.flatnonzero(records["checksum"] == checksums))
            n_read += len(records)
        return np.concatenate([np.empty(0, np.int64), *sound])

    def _known(self, path: Path, n: int, sound: NDArray[np.int64]) -> Known:
        if n == 0:  # an empty map cannot be made
            records: NDArray[Any] = np.empty(0, self._record)
        else:
            records = np.memmap(path, self._record, "r", shape=(n,))
        return Known(records["hash"], records["vector"], sound)


def _checksum(record: Any) -> int:
    return zlib.crc32(record.tobytes()[4:])
