"""The table of user rows: Faust assigns its changelog partitions, the row stores hold them."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import faust

from streams.changelog import Changelog, Restored
from streams.rows import RowStore


class RowTable(faust.Table):
    """User rows by partition, with the rows of batches that are not committed yet in front of them.

    Reading and staging happen in the compute thread, settling in the writer's thread, assigning in
    the event loop while no batch is under way.  Faust's own mapping interface is not used: it would
    send a changelog message of its own for each write.
    """

    def __init__(
        self,
        app: faust.App,
        *,
        name: str,
        partitions: int,
        changelog: Changelog,
        open_store: Callable[[int], RowStore],
        timeout_s: float,
    ) -> None:
        super().__init__(app, name=name, partitions=partitions, key_type=bytes, value_type=bytes)
        self._changelog = changelog
        self._open_store = open_store
        self._timeout_s = timeout_s
        self._stores: dict[int, RowStore] = {}
        self._pending: dict[int, dict[bytes, bytes]] = {}
        self._restoring: asyncio.Future[Restored] | None = None
        self._outdated = threading.Event()

    async def on_start(self) -> None:
        """Nothing to start: partitions are opened as they are assigned."""

    def persisted_offset(self, tp: Any) -> int | None:
        """Not kept by Faust: each row store knows its own position."""
        return None

    async def on_rebalance(self, *args: Any, **kwargs: Any) -> None:
        """Faust's store is not used; see `assign`."""

    async def assign(self, partitions: set[int]) -> Restored:
        """Open these partitions, close all others, bring them up to the end of the changelog.

        A rebalance during a recovery cancels the call, but no thread: the reading before is ended
        here, or it might store rows of then above those of batches that were committed since.
        """
        await self._end_restoring()
        self._pending = {partition: {} for partition in partitions}
        for partition in self._stores.keys() - partitions:
            self._stores.pop(partition).close()
        for partition in partitions - self._stores.keys():
            self._stores[partition] = self._open_store(partition)
        outdated = self._outdated = threading.Event()
        self._restoring = asyncio.ensure_future(
            asyncio.to_thread(
                self._changelog.restore,
                dict(self._stores),
                self._timeout_s,
                lambda: outdated.is_set() or bool(self.should_stop),
            )
        )
        return await asyncio.shield(self._restoring)

    async def _end_restoring(self) -> None:
        self._outdated.set()
        if self._restoring is not None:
            await asyncio.wait([self._restoring])

    @property
    def assigned(self) -> frozenset[int]:
        """Partitions whose rows are here."""
        return frozenset(self._stores)

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest row of each key, committed or not."""
        pending = self._pending[partition]
        found: list[bytes | None] = [pending.get(key) for key in keys]
        missing = [i for i, row in enumerate(found) if row is None]
        if missing:
            stored = self._stores[partition].get_many([keys[i] for i in missing])
            for i, row in zip(missing, stored, strict=True):
                found[i] = row
        return found

    def stage(self, rows: Mapping[int, Mapping[bytes, bytes]]) -> None:
        """Show rows to later batches before they are committed."""
        for partition, changed in rows.items():
            self._pending[partition].update(changed)

    def settle(
        self, rows: Mapping[int, Mapping[bytes, bytes]], positions: Mapping[int, int]
    ) -> None:
        """Store rows whose transaction is committed, with the changelog position behind them."""
        for partition, changed in rows.items():
            self._stores[partition].apply(changed, positions.get(partition))
            pending = self._pending[partition]
            for key, row in changed.items():
                if pending.get(key) is row:
                    del pending[key]

    def close(self) -> None:
        """Close every store."""
        while self._stores:
            self._stores.popitem()[1].close()
