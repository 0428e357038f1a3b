"""What a worker consists of: app, rows, writer and lanes, made from its settings and its jobs."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from streams.acknowledging_writer import AcknowledgingWriter
from streams.app import App, create_app
from streams.changelog import Changelog
from streams.health import Health
from streams.kafka_config import aiokafka_config, client_config, producer_config
from streams.lane import Intake, Lane, Process
from streams.markers import ForgottenMarkers
from streams.metrics import StepMetrics
from streams.outbox import Outbox
from streams.outdated_rows import is_outdated
from streams.positions import GroupPositions
from streams.put_aside import PutAside
from streams.rows import MemoryRows, RocksRows, RowStore
from streams.settings import Settings
from streams.state_folder import StateFolder
from streams.table import RowTable
from streams.topics import changelog_topic, dead_letter_topic, topic_ids
from streams.transactional_writer import TransactionalWriter
from streams.writer import Boundary, Writer

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


class Parts:
    """Made and connected, not started.

    Attributes:
        app: Of Faust: membership, assignment, streams.
        rows: Of the users, with the batches that are not committed yet.
        writer: Makes outboxes durable; to be called in `writer_thread`.
        topics: All whose partitions the worker reads, and the rows' changelog.
        failure: The first, if there was one.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        metrics: StepMetrics,
        health: Health,
        boundary: Boundary,
        positions: type[GroupPositions],
        ended: Callable[[], object],
    ) -> None:
        """Connect them.

        Args:
            settings: Everything that can be set.
            plan: The jobs.
            metrics: Where batches are counted.
            health: Told how it goes.
            boundary: Called at each line of the writer's crash table.
            positions: Where each claim begins to read.
            ended: Called at the first failure.
        """
        self._settings = settings
        self._positions = positions
        self._metrics = metrics
        self._put_aside = PutAside()
        self._health = health
        self._boundary = boundary
        self._ended = ended
        self.failure: BaseException | None = None
        self._state = StateFolder(settings.state_dir)
        self.app = self._new_app()
        self._changelog = changelog_topic(settings)
        self.rows = self.app.rows = self._new_table()
        self.app.tables.add(self.rows)
        works = plan(self.rows)
        self.writer = self._new_writer(works)
        self.writer_thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self.app.intake = Intake([self._new_lane(work) for work in works])
        self.topics = [self._changelog, *(topic for work in works for topic in work.topics)]

    def fail(self, error: BaseException) -> None:
        """The first failure ends the worker: nothing is committed after it."""
        if self.failure is None and not isinstance(error, asyncio.CancelledError):
            self.failure = error
            self._ended()

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
        app.health = self._health
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
            self.app,
            name="rows",
            partitions=settings.partitions,
            changelog=Changelog(
                client_config(settings),
                changelog,
                # Kafka refuses what a zombie writes in a transaction.
                is_outdated=is_outdated if settings.delivery == "at_least_once" else None,
            ),
            open_store=open_store,
            timeout_s=self.app.recovery_timeout_s,
        )

    def _new_writer(self, works: Sequence[Work]) -> Writer:
        settings, config = self._settings, producer_config(self._settings)
        changelog = self._changelog
        if settings.delivery == "at_least_once":
            return AcknowledgingWriter(
                config,
                changelog,
                lambda *asked: self.app.consumer.commit_positions(*asked),
                boundary=self._boundary,
            )
        topics = [topic for work in works for topic in work.topics]
        transactional_id = f"{settings.app_id}-{self._state.name}"
        return TransactionalWriter(
            config,
            changelog,
            self.app.positions,
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
            writer_thread=self.writer_thread,
            batch_max=self._settings.batch_max,
            failed=self.fail,
            health=self._health,
        )
        if work.begun is not None:
            work.begun(lane.between_batches)
        for topic in work.topics:
            self.app.agent(self.app.source(topic), name=f"streams.agents.{topic}")(_agent(lane))
        return lane

    def _staged(self, process: Process) -> Process:
        def process_and_stage(runs: Any, claim: Any) -> Outbox:
            with self._metrics.compute_s.time():
                outbox = process(runs, claim)
            self.rows.stage(outbox.rows)
            return outbox

        return process_and_stage

    def _make_durable(self, outbox: Outbox) -> None:
        if self.failure is not None:
            raise self.failure  # nothing may be committed behind a batch that was not
        if not outbox.reached:
            return  # its effect, and its place in the topics, come with a later one
        with (
            self._metrics.commit_s.time(),
            self._health.under_way("a commit") as self.writer.moved,
        ):
            positions = self.writer.commit(outbox)
            self.rows.settle(outbox.rows, positions)
        self._boundary("rows stored")
        self._metrics.durable(outbox)
        self._put_aside.tell(outbox.letters)


def _agent(lane: Lane) -> Any:
    async def agent(stream: Any) -> None:
        await lane.feed(stream.noack().events())

    return agent
