"""A right that a worker lacks, one at a time: it ends with 5 and says which."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from pydantic import SecretStr

from streams.brokers.kafka import KafkaBroker
from streams.cli.exits import Exit
from streams.security import Security
from streams.topics import changelog_topic
from tests.integration.conftest import require_kafka
from tests.integration.shop import EventLog, Reader, check_exactly_once, make_events, open_shop
from tests.integration.worker_process import WorkerProcess, workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(180)]

USER, PASSWORD = "shop", "pw-1f7"
DOOR = "listener.name.password"
AUTHORIZED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    f"{DOOR}.sasl.enabled.mechanisms": "PLAIN",
    f"{DOOR}.plain.sasl.jaas.config": (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'user_{USER}="{PASSWORD}";'
    ),
}
READ, WRITE = AclOperation.READ, AclOperation.WRITE
GROUP, TOPIC = ResourceType.GROUP, ResourceType.TOPIC
TRANSACTIONS = ResourceType.TRANSACTIONAL_ID


@pytest.fixture(scope="module")
def authorized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Whoever comes through its other door may do everything; the user may what is not denied."""
    require_kafka()
    folder = tmp_path_factory.mktemp("authorized")
    doors = {"PASSWORD": "SASL_PLAINTEXT"}
    with KafkaBroker(folder, listeners=doors, overrides=AUTHORIZED) as broker:
        every = (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID)
        wild = [(kind, "*", ResourcePatternType.LITERAL) for kind in every]
        may = AclPermissionType.ALLOW
        create(broker, *(rule(*each, AclOperation.ALL, may) for each in wild))
        yield broker
    broker.discard()


def rule(
    kind: ResourceType,
    name: str,
    pattern: ResourcePatternType,
    operation: AclOperation,
    permission: AclPermissionType,
) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{USER}", "*", operation, permission)


def create(broker: KafkaBroker, *rules: AclBinding) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.create_acls(list(rules)).values():
        future.result(20)


def remove(broker: KafkaBroker, each: AclBinding) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    same = AclBindingFilter(
        each.restype,
        each.name,
        each.resource_pattern_type,
        each.principal,
        each.host,
        each.operation,
        each.permission_type,
    )
    for future in admin.delete_acls([same]).values():
        future.result(20)


REFUSED = {
    "the group": (GROUP, "{app}", READ, "the broker does not let this worker join group"),
    "a topic that is read": (
        *(TOPIC, "{prefix}clicks", READ),
        "the broker does not let this worker read topic",
    ),
    "the rows' changelog": (TOPIC, "{changelog}", READ, "{changelog} was not read: the broker"),
    "transactions": (TRANSACTIONS, "{app}", WRITE, "nothing was written: the broker denies it"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_worker_without_a_right_says_so_and_goes_on_when_it_has_it(
    authorized: KafkaBroker, tmp_path: Path, what: str
) -> None:
    kind, name, operation, said = REFUSED[what]
    security = Security(
        protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username=USER,
        sasl_password=SecretStr(PASSWORD),
    )
    settings = open_shop(
        authorized.address("PASSWORD"), tmp_path, security=security, store="memory"
    )
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    log.publish(make_events(100, n_users=20, seed=61))
    names = {
        "app": settings.app_id,
        "prefix": settings.topic_prefix,
        "changelog": changelog_topic(settings),
    }
    resource, said = name.format(**names), said.format(**names)
    denied = rule(kind, resource, ResourcePatternType.PREFIXED, operation, AclPermissionType.DENY)
    reader.start()
    worker.start()
    with workers(worker):
        reader.wait_for(len(log.written), 60)
        worker.kill()
        log.publish(make_events(100, n_users=20, seed=62))
        create(authorized, denied)
        try:
            worker.start()
            assert worker.wait(30) == Exit.FATAL
            assert f"error={said}" in worker.log_text().replace("'", "")
        finally:
            remove(authorized, denied)
        worker.start()
        reader.wait_for(len(log.written), 60)
        assert worker.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)
