"""Runs one worker: from its start to the last commit, or to the failure that ends it."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Any, NoReturn

import structlog

from streams.errors import (
    BrokerUnavailableError,
    FatalError,
    FencedError,
    GapError,
    RetryError,
)
from streams.group_metadata import check_metadata_format
from streams.health import Health
from streams.kafka_config import client_config
from streams.metrics import StepMetrics
from streams.parts import Parts, Plan
from streams.positions import GroupPositions
from streams.settings import Settings
from streams.topic_watch import TopicWatch
from streams.writer import Boundary, pass_by

log = structlog.get_logger(__name__)


def serve(
    settings: Settings,
    plan: Plan,
    *,
    metrics: StepMetrics | None = None,
    health: Health | None = None,
    boundary: Boundary = pass_by,
    positions: type[GroupPositions] = GroupPositions,
    loop: str = "uvloop",
) -> int:
    """Process until SIGTERM or SIGINT, then drain.

    Args:
        settings: Everything that can be set.
        plan: The jobs.
        metrics: Where batches are counted.
        health: Told how it goes.
        boundary: Called at each line of the writer's crash table.
        positions: Where each claim begins to read.
        loop: `uvloop` or `asyncio`.

    Returns:
        The exit code: 0 after a clean stop, 75 when another life of this worker should go on, 3
        when the world is down, 5 when something has to be changed first, 1 otherwise.
    """
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    server = _Server(
        settings,
        plan,
        metrics or StepMetrics(),
        health or Health.of(settings),
        boundary,
        positions,
    )
    return asyncio.run(server.run())


class _Server:
    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        metrics: StepMetrics,
        health: Health,
        boundary: Boundary,
        positions: type[GroupPositions],
    ) -> None:
        self._settings = settings
        self._health = health
        metrics.ready.set_function(lambda: health.why_not_ready() is None)
        self._stop = asyncio.Event()
        self._failed = asyncio.Event()
        self._parts = Parts(settings, plan, metrics, health, boundary, positions, self._failed.set)
        self._app = self._parts.app

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        check_metadata_format(client_config(self._settings))
        stop: asyncio.Future[Any] = asyncio.create_task(self._stop.wait())
        failed: asyncio.Future[Any] = asyncio.create_task(self._failed.wait())
        starting: asyncio.Future[Any]
        starting = loop.run_in_executor(self._parts.writer_thread, self._parts.writer.start)
        await asyncio.wait([starting, stop], return_when=asyncio.FIRST_COMPLETED)
        await self._end_of(starting, "the writer could not start")
        tasks = [asyncio.create_task(lane.run()) for lane in self._app.intake.lanes]
        tasks.append(asyncio.create_task(self._beat()))
        watch = TopicWatch(
            self._settings,
            self._parts.topics,
            lambda error: loop.call_soon_threadsafe(self._parts.fail, error),
        )
        watch.start()
        try:
            self._app.finalize()
            connecting = asyncio.create_task(self._app.connect())
            await asyncio.wait([connecting, stop, failed], return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():  # the first rows are being read, which may take many minutes
                log.info("stopping: nothing is under way yet")
                await self._die()
            await connecting
            crash = asyncio.create_task(self._app.wait_until_stopped())
            await asyncio.wait([crash, stop, failed], return_when=asyncio.FIRST_COMPLETED)
            if self._parts.failure is None and self._app.crash_reason is not None:
                self._parts.failure = self._app.crash_reason
            if self._parts.failure is not None:
                await self._die()
            log.info("stopping: finishing what is under way")
            await self._end_of(
                asyncio.create_task(self._finish()),
                "what is under way could not be finished, it will be delivered again",
            )
        finally:
            watch.close()
            for task in tasks:
                task.cancel()
        return self._exit_code()

    async def _beat(self) -> None:
        """A loop that is blocked does not come back to this."""
        with self._health.under_way("the event loop") as moved:
            while True:
                moved()
                await asyncio.sleep(1)

    async def _end_of(self, last: asyncio.Future[Any], why_not: str) -> None:
        """Wait for what has to end before this process may; a broker that is away holds it up.

        What fails meanwhile says more than that it did not end: the last commit, for example.
        """
        limit_s = self._settings.session_timeout_s
        failed = asyncio.create_task(self._failed.wait())
        await asyncio.wait([last, failed], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()
        if not last.done():
            self._parts.fail(
                BrokerUnavailableError(f"{why_not} within {limit_s:.0f} s: is the broker there?")
            )
        elif (error := last.exception()) is not None:
            self._parts.fail(error)
        if self._parts.failure is not None:
            await self._die()

    async def _finish(self) -> None:
        """Commit what is under way, leave the group, close everything."""
        self._health.not_ready("it is stopping")
        self._app.intake.give_back()
        await self._app.stop()
        parts, loop = self._parts, asyncio.get_running_loop()
        await loop.run_in_executor(parts.writer_thread, parts.writer.close)
        parts.rows.close()
        self._app.positions.close()

    async def _die(self) -> NoReturn:
        """End at once, as a crash would.

        What is not committed is delivered again, so nothing needs tidying.  Leaving the
        group is a courtesy that spares the others the session time-out.
        """
        code = self._exit_code()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._app.consumer.leave_group(), timeout=2)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _exit_code(self) -> int:
        failure = self._parts.failure
        if failure is None:
            log.info("stopped")
            return 0
        if isinstance(failure, (FencedError, GapError)):
            log.warning("this life of the worker is over, start another", reason=str(failure))
            return 75
        log.error("worker failed", error=str(failure) or type(failure).__name__, exc_info=failure)
        if isinstance(failure, RetryError):
            return 3
        return 5 if isinstance(failure, FatalError) else 1
