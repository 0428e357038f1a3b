"""Runs one worker: app, lanes, writer and rows, from start to the last commit."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog
from confluent_kafka import Consumer

from streams.acknowledging_writer import AcknowledgingWriter
from streams.app import App, create_app
from streams.changelog import Changelog
from streams.errors import (
    BrokerUnavailableError,
    FatalError,
    FencedError,
    GapError,
    RetryError,
    SettingsError,
)
from streams.kafka_config import aiokafka_config, client_config, producer_config
from streams.lane import Intake, Lane, Process
from streams.markers import ForgottenMarkers
from streams.metrics import StepMetrics
from streams.outbox import Outbox
from streams.positions import GroupPositions
from streams.rows import MemoryRows, RocksRows, RowStore
from streams.settings import Settings
from streams.state_folder import StateFolder
from streams.table import RowTable
from streams.topic_watch import TopicWatch
from streams.topics import changelog_topic, dead_letter_topic, topic_ids
from streams.transactional_writer import TransactionalWriter
from streams.transport import group_metadata
from streams.writer import Boundary, Writer, pass_by

log = structlog.get_logger(__name__)


BetweenBatches = Callable[[Callable[[], object]], "Future[Any]"]
"""Runs a function in a lane's thread, where no batch is being computed meanwhile."""


@dataclass(frozen=True, slots=True)
class Work:
    """A lane's job: what to do with the runs of some topics.

    `outputs` are the topics that its outboxes send messages to; they may become more. `begun` is
    handed the lane's way of running a function between two batches, before the first.
    """

    name: str
    topics: Sequence[str]
    outputs: Sequence[str]
    process: Process
    begun: Callable[[BetweenBatches], None] | None = None


Plan = Callable[[RowTable], Sequence[Work]]
"""Makes the jobs of a worker, given its rows."""


def serve(
    settings: Settings,
    plan: Plan,
    *,
    metrics: StepMetrics | None = None,
    boundary: Boundary = pass_by,
    positions: type[GroupPositions] = GroupPositions,
    loop: str = "uvloop",
) -> int:
    """Process until SIGTERM or SIGINT, then drain.

    Args:
        settings: Everything that can be set.
        plan: The jobs.
        metrics: Where batches are counted.
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
    server = _Server(settings, plan, metrics or StepMetrics(), boundary, positions)
    return asyncio.run(server.run())


class _Server:
    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        metrics: StepMetrics,
        boundary: Boundary,
        positions: type[GroupPositions],
    ) -> None:
        self._settings = settings
        self._positions = positions
        self._metrics = metrics
        self._boundary = boundary
        self._state = StateFolder(settings.state_dir)
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._app = self._new_app()
        self._changelog = changelog_topic(settings)
        self._rows = self._app.rows = self._new_table()
        self._app.tables.add(self._rows)
        works = plan(self._rows)
        self._writer = self._new_writer(works)
        self._writer_thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._app.intake = Intake([self._new_lane(work) for work in works])
        self._topics = [self._changelog, *(topic for work in works for topic in work.topics)]

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        _check_metadata_format(client_config(self._settings))
        stop: asyncio.Future[Any] = asyncio.create_task(self._stop.wait())
        starting: asyncio.Future[Any]
        starting = loop.run_in_executor(self._writer_thread, self._writer.start)
        await asyncio.wait([starting, stop], return_when=asyncio.FIRST_COMPLETED)
        await self._end_of(starting, "the writer could not start")
        tasks = [asyncio.create_task(lane.run()) for lane in self._app.intake.lanes]
        watch = TopicWatch(
            self._settings,
            self._topics,
            lambda error: loop.call_soon_threadsafe(self._failed, error),
        )
        watch.start()
        try:
            self._app.finalize()
            await self._app.connect()
            crash = asyncio.create_task(self._app.wait_until_stopped())
            await asyncio.wait([crash, stop], return_when=asyncio.FIRST_COMPLETED)
            if self._failure is None and self._app.crash_reason is not None:
                self._failure = self._app.crash_reason
            if self._failure is not None:
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

    async def _end_of(self, last: asyncio.Future[Any], why_not: str) -> None:
        """Wait for what has to end before this process may; a broker that is away holds it up."""
        limit_s = self._settings.session_timeout_s
        if not (await asyncio.wait([last], timeout=limit_s))[0]:
            self._failure = BrokerUnavailableError(
                f"{why_not} within {limit_s:.0f} s: is the broker there?"
            )
            await self._die()
        await last

    async def _finish(self) -> None:
        """Commit what is under way, leave the group, close everything."""
        self._app.intake.give_back()
        await self._app.stop()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer_thread, self._writer.close)
        self._rows.close()
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
        failure = self._failure
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

    def _failed(self, error: BaseException) -> None:
        """The first failure ends the worker: nothing is committed after it."""
        if self._failure is None and not isinstance(error, asyncio.CancelledError):
            self._failure = error
            self._stop.set()

    def _new_app(self) -> App:
        settings = self._settings
        app = create_app(
            settings.app_id,
            settings.bootstrap_servers,
            partitions=settings.partitions,
            datadir=str(settings.state_dir.absolute()),
            session_timeout_s=settings.session_timeout_s,
            heartbeat_s=settings.heartbeat_s,
            instance_id=self._state.name if settings.static_membership else None,
            security=settings.security,
        )
        app.metrics = self._metrics
        app.positions = self._positions(client_config(settings), settings.app_id)
        app.fetch_pause_s = settings.batch_window_ms / 1000
        app.recovery_timeout_s = settings.session_timeout_s + 60
        return app

    def _new_table(self) -> RowTable:
        settings, changelog = self._settings, self._changelog
        changelog_id = topic_ids(settings, [changelog])[changelog]

        def open_store(partition: int) -> RowStore:
            if settings.store == "memory":
                return MemoryRows()
            return RocksRows(settings.state_dir / f"rows-{partition}", changelog_id)

        return RowTable(
            self._app,
            name="rows",
            partitions=settings.partitions,
            changelog=Changelog(client_config(settings), changelog),
            open_store=open_store,
            timeout_s=self._app.recovery_timeout_s,
        )

    def _new_writer(self, works: Sequence[Work]) -> Writer:
        settings, config = self._settings, producer_config(self._settings)
        changelog = self._changelog
        if settings.delivery == "at_least_once":
            return AcknowledgingWriter(
                config,
                changelog,
                lambda positions, notes, generation: self._app.consumer.commit_positions(
                    positions, notes, generation
                ),
                boundary=self._boundary,
            )
        topics = [topic for work in works for topic in work.topics]
        transactional_id = f"{settings.app_id}-{self._state.name}"
        return TransactionalWriter(
            config,
            changelog,
            self._app.positions,
            transactional_id=transactional_id,
            transaction_timeout_s=settings.session_timeout_s,
            sources=[(topic, p) for topic in topics for p in range(settings.partitions)],
            forgotten=ForgottenMarkers(
                aiokafka_config(settings),
                transactional_id,
                lambda: [
                    changelog,
                    *(topic for work in works for topic in work.outputs),
                    *map(dead_letter_topic, topics),
                ],
                settings.app_id,
            ),
            boundary=self._boundary,
        )

    def _new_lane(self, work: Work) -> Lane:
        lane = Lane(
            work.name,
            work.topics,
            self._staged(work.process),
            self._make_durable,
            writer_thread=self._writer_thread,
            batch_max=self._settings.batch_max,
            failed=self._failed,
        )
        if work.begun is not None:
            work.begun(lane.between_batches)
        for topic in work.topics:
            self._app.agent(self._app.source(topic), name=f"streams.agents.{topic}")(_agent(lane))
        return lane

    def _staged(self, process: Process) -> Process:
        def process_and_stage(runs: Any, claim: Any) -> Outbox:
            with self._metrics.compute_s.time():
                outbox = process(runs, claim)
            self._rows.stage(outbox.rows)
            return outbox

        return process_and_stage

    def _make_durable(self, outbox: Outbox) -> None:
        if self._failure is not None:
            raise self._failure  # nothing may be committed behind a batch that was not
        if not outbox.reached:
            return  # its effect, and its place in the topics, come with a later one
        with self._metrics.commit_s.time():
            positions = self._writer.commit(outbox)
            self._rows.settle(outbox.rows, positions)
        self._boundary("rows stored")
        self._metrics.durable(outbox)


def _agent(lane: Lane) -> Any:
    async def agent(stream: Any) -> None:
        await lane.feed(stream.noack().events())

    return agent


def _check_metadata_format(config: Mapping[str, Any]) -> None:
    """Compare our group metadata with librdkafka's, whose format is its own and may change.

    Raises:
        SettingsError: the installed librdkafka writes it differently.
    """
    consumer = Consumer({**config, "group.id": "format", "group.instance.id": "check"})
    try:
        theirs = consumer.consumer_group_metadata()
    finally:
        consumer.close()
    ours = group_metadata("format", -1, "", "check")
    if theirs != ours:
        raise SettingsError(
            f"librdkafka writes group metadata as {theirs!r}, this release as {ours!r}: install "
            "the confluent-kafka version of constraints.txt"
        )
