"""After each rebalance: rows from the changelog, the group's stable positions, then the flow."""

import asyncio
import time
from typing import Any, cast

import structlog
from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from mode import Service

from streams.errors import RillstreamError

log = structlog.get_logger(__name__)


class RowRecovery(Recovery):
    """Faust's recovery service with its reading replaced.

    The stock one reads the changelog through the worker's own consumer, one record at a time, waits
    for a record at "last offset - 1" that a transaction's end marker makes impossible, and opens
    the flow before the positions are set (see transport.py).
    """

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):
                return
            self.signal_recovery_start.clear()
            try:
                await self._wait(self._recover(self._generation_id))
            except (RebalanceAgain, IllegalStateError):  # partitions to begin with are gone again
                log.info("rebalanced again during recovery")
            except ServiceStopped:
                return
            except RillstreamError as error:
                await self.app.crash(error)

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing arrives through Faust's changelog queue."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Nothing: Faust counts what it would have read, and takes our reading for its error."""

    async def _recover(self, generation: int) -> None:
        app, consumer, begun = self.app, self.app.consumer, time.monotonic()
        self._set_recovery_started()
        changelogs = self.tables.changelog_topics
        assigned = consumer.assignment()
        sources = {(tp.topic, tp.partition) for tp in assigned if tp.topic not in changelogs}
        positions = await asyncio.to_thread(
            app.positions.next_to_read, sources, app.recovery_timeout_s
        )
        restored = await app.rows.assign({tp.partition for tp in self.active_tps})
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        if app.consumer_generation_id != generation:
            return  # another rebalance has begun and will recover again
        await cast(Any, consumer).begin(positions, generation)
        app.metrics.begun(positions)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
        seconds = time.monotonic() - begun
        app.metrics.restored(restored.n_rows, seconds)
        log.info(
            "worker ready",
            partitions=len(sources),
            rows_recovered=restored.n_rows,
            seconds=round(seconds, 3),
        )


class RowTables(TableManager):
    """Faust's table manager with the recovery above."""

    _recovery: Recovery | None

    @property
    def recovery(self) -> Recovery:
        """See `TableManager.recovery`."""
        if self._recovery is None:
            self._recovery = RowRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
