"""The table of rows over a changelog that is read aside: a rebalance may come in the middle."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from streams.app import create_app
from streams.changelog import Changelog, Restored
from streams.rows import MemoryRows, RowStore
from streams.security import Security
from streams.table import RowTable

WAIT_S = 10.0


class SlowChangelog(Changelog):
    """Its first reading has an old row of ann's, and gives it out when it is told to."""

    def __init__(self) -> None:
        super().__init__({}, "changelog")
        self.begun = threading.Event()
        self.goes_on = threading.Event()

    def restore(
        self,
        stores: Mapping[int, RowStore],
        timeout_s: float,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Restored:
        if self.begun.is_set():
            return Restored(0, 0)
        self.begun.set()
        while not (stopped() or self.goes_on.wait(0.01)):
            pass
        if not stopped():
            stores[0].apply({b"ann": b"old"}, 1)
        return Restored(1, 0)


async def rebalance_in_a_recovery(folder: Path) -> list[bytes | None]:
    """Ann's row after a batch of the second claim, with the first claim's reading come to life."""
    changelog = SlowChangelog()
    app = create_app(
        "app",
        "127.0.0.1:1",
        partitions=1,
        datadir=str(folder),
        session_timeout_s=4,
        heartbeat_s=1,
        instance_id=None,
        security=Security(),
    )
    rows = RowTable(
        app,
        name="rows",
        partitions=1,
        changelog=changelog,
        open_store=lambda _: MemoryRows(),
        timeout_s=WAIT_S,
    )
    first = asyncio.create_task(rows.assign({0}))
    assert await asyncio.to_thread(changelog.begun.wait, WAIT_S)
    first.cancel()  # as Faust does when it rebalances again
    await asyncio.wait_for(rows.assign({0}), WAIT_S)
    rows.stage({0: {b"ann": b"new"}})
    rows.settle({0: {b"ann": b"new"}}, {0: 2})
    changelog.goes_on.set()
    await asyncio.sleep(0.2)
    return rows.get_many(0, [b"ann"])


def test_a_reading_that_a_rebalance_has_cut_off_undoes_no_later_row(tmp_path: Path) -> None:
    assert asyncio.run(rebalance_in_a_recovery(tmp_path)) == [b"new"]
