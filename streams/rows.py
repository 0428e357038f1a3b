"""User rows on this machine: RocksDB or memory, one store a partition.

A store is never ahead of the committed changelog.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from rocksdict import AccessType, Options, Rdict, WriteBatch

from streams.errors import RowsDamagedError

log = structlog.get_logger(__name__)

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

    `changelog` identifies the topic: a recreated changelog starts an empty store. So does a store
    that is damaged: all that is in it is in the changelog, too. Reading and writing raise a
    `RowsDamagedError` where they meet the damage.
    """

    def __init__(self, path: Path, changelog: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._db, made_from = _opened(path)
        except Exception as error:
            if not _is_damage(error):
                raise
            log.warning("damaged local rows begin anew", path=str(path), reason=str(error))
            shutil.rmtree(path)
            self._db, made_from = _opened(path)
        if made_from not in (None, changelog.encode()):
            self._db.close()
            shutil.rmtree(path)
            self._db = _open(path)
        self._db[_CHANGELOG] = changelog.encode()

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `RowStore.get_many`."""
        with self._removed_if_damaged():
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
        with self._removed_if_damaged():
            self._db.write(batch)

    def position(self) -> int | None:
        """See `RowStore.position`."""
        with self._removed_if_damaged():
            stored = self._db.get(_POSITION)
        return None if stored is None else int(stored)

    def close(self) -> None:
        """See `RowStore.close`."""
        self._db.close()

    @contextmanager
    def _removed_if_damaged(self) -> Iterator[None]:
        """A restart would meet the same damage again, so nothing of it may stay."""
        try:
            yield
        except Exception as error:
            if not _is_damage(error):
                raise
            self._db.close()
            shutil.rmtree(self._path)
            raise RowsDamagedError(
                f"the local rows in {self._path} were damaged and are removed, the next start "
                f"reads them from the changelog: {error}"
            ) from error


def _is_damage(error: Exception) -> bool:
    """Rocksdict has no error class of its own. A file that is gone is damage, one unread is not."""
    said = str(error)
    return said.startswith("Corruption") or "No such file or directory" in said


def _opened(path: Path) -> tuple[Rdict, bytes | None]:
    """A store, and the changelog that it was made from; None = it is new."""
    db = _open(path)
    try:
        return db, db.get(_CHANGELOG)
    except Exception:
        db.close()  # or nobody could open it anew
        raise


def _open(path: Path) -> Rdict:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(32 << 20)
    options.set_max_write_buffer_number(3)
    options.set_max_background_jobs(2)
    return Rdict(str(path), options=options, access_type=AccessType.read_write())
