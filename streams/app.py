"""The Faust app of a worker: our transport and recovery.

Everything that Faust would do on its own is switched off.
"""

from typing import Any

import faust
from aiokafka.errors import KafkaConnectionError
from faust.serializers.schemas import Schema

from streams.errors import BrokerUnavailableError
from streams.health import Health
from streams.kafka_config import ssl_context
from streams.lane import Intake
from streams.metrics import StepMetrics
from streams.positions import GroupPositions
from streams.recovery import RowTables
from streams.security import Security
from streams.table import RowTable
from streams.transport import Transport


class RunSchema(Schema):
    """Runs pass through Faust undecoded; the agents' handlers decode each record, in a thread."""

    def compile(self, app: Any, **_: Any) -> Any:
        """See `Schema.compile`: here an event's value is the run itself."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, message.headers, message)

        return decode


class App(faust.App):
    """A Faust app whose consumer delivers runs; only the writer's commits move its positions."""

    health: Health
    intake: Intake
    metrics: StepMetrics
    positions: GroupPositions
    rows: RowTable
    recovery_timeout_s: float
    fetch_pause_s: float

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def connect(self) -> None:
        """Start, which connects to the broker.

        Raises:
            BrokerUnavailableError: it has gone, or it lets librdkafka in, but not aiokafka, whose
                log has the reason.
        """
        try:
            await self.start()
        except KafkaConnectionError as error:
            raise BrokerUnavailableError(f"the consumer did not connect: {error}") from error

    def source(self, topic: str) -> faust.TopicT:
        """A topic whose events are runs."""
        return self.topic(topic, schema=RunSchema())


def create_app(
    app_id: str,
    bootstrap_servers: str,
    *,
    partitions: int,
    datadir: str,
    session_timeout_s: float,
    heartbeat_s: float,
    instance_id: str | None,
    security: Security,
) -> App:
    """An app with no agents yet."""
    return App(
        app_id,
        broker=[f"kafka://{address.strip()}" for address in bootstrap_servers.split(",")],
        broker_credentials=_credentials(security),
        store="memory://",
        datadir=datadir,
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        TableManager=RowTables,
        consumer_group_instance_id=instance_id,
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=heartbeat_s,
        broker_request_timeout=max(30.0, session_timeout_s),
        broker_max_poll_records=4096,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
    )


def _credentials(security: Security) -> Any:
    """Faust's form of the security settings."""
    context = ssl_context(security) if security.uses_tls else None
    if security.sasl_password is not None:
        return faust.SASLCredentials(
            mechanism=security.sasl_mechanism,
            username=security.sasl_username,
            password=security.sasl_password.get_secret_value(),
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
