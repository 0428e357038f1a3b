"""User rows on this machine: RocksDB or memory, one store a partition.

A store is never ahead of the committed changelog.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from rocksdict import AccessType, Options, Rdict, WriteBatch

_ROW = b"u"  # prefix of a user's row; what else is stored lies outside of it
_POSITION = b"position"
_CHANGELOG = b"changelog"


class RowStore(ABC):
    """The rows of one partition and the changelog position up to which they are complete.

    Rows arrive only from transactions that are already committed (or from the changelog itself),
    together with the position, in one atomic write: after a crash the store is at most behind,
    never ahead.
    """

    @abstractmethod
    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The row of each key, None where there is none."""

    @abstractmethod
    def apply(self, rows: Mapping[bytes, bytes | None], position: int | None) -> None:
        """Store rows (None deletes one); `position` None keeps the older one."""

    @abstractmethod
    def position(self) -> int | None:
        """The changelog offset to read next; None when nothing was ever stored."""

    @abstractmethod
    def close(self) -> None:
        """Release the files; the next owner may be another process."""


class MemoryRows(RowStore):
    """Rows in a dictionary: recovered from the changelog at every start."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._position: int | None = None

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `RowStore.get_many`."""
        return [self._rows.get(key) for key in keys]

    def apply(self, rows: Mapping[bytes, bytes | None], position: int | None) -> None:
        """See `RowStore.apply`."""
        for key, row in rows.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        if position is not None:
            self._position = position

    def position(self) -> int | None:
        """See `RowStore.position`."""
        return self._position

    def close(self) -> None:
        """Nothing to release: the rows end with the process."""


class RocksRows(RowStore):
    """Rows in RocksDB.

    `changelog` identifies the topic: a recreated changelog starts an empty store.
    """

    def __init__(self, path: Path, changelog: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = _open(path)
        if self._db.get(_CHANGELOG, changelog.encode()) != changelog.encode():
            self._db.close()
            shutil.rmtree(path)
            self._db = _open(path)
        self._db[_CHANGELOG] = changelog.encode()

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `RowStore.get_many`."""
        found: list[bytes | None] = self._db.get([_ROW + key for key in keys])
        return found

    def apply(self, rows: Mapping[bytes, bytes | None], position: int | None) -> None:
        """See `RowStore.apply`."""
        batch = WriteBatch(raw_mode=True)
        for key, row in rows.items():
            if row is None:
                batch.delete(_ROW + key)
            else:
                batch.put(_ROW + key, row)
        if position is not None:
            batch.put(_POSITION, str(position).encode())
        self._db.write(batch)

    def position(self) -> int | None:
        """See `RowStore.position`."""
        stored = self._db.get(_POSITION)
        return None if stored is None else int(stored)

    def close(self) -> None:
        """See `RowStore.close`."""
        self._db.close()


def _open(path: Path) -> Rdict:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(32 << 20)
    options.set_max_write_buffer_number(3)
    options.set_max_background_jobs(2)
    return Rdict(str(path), options=options, access_type=AccessType.read_write())
