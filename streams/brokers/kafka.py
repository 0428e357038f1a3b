"""A real single-node Kafka (KRaft) on 127.0.0.1, for tests and for a developer at the keyboard."""

import os
import random
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from filelock import FileLock, Timeout

from streams.brokers.kafka_docker import DockerRuntime, docker_available
from streams.brokers.kafka_java import JavaRuntime, KafkaStartError, default_cache, java_available

# Below Linux's ephemeral ports: a client that keeps knocking at a dead broker's port may otherwise
# be given that very port for its own end of the connection, and the broker cannot come back.
_PORTS = range(20_000, 32_000)


class _Runtime(Protocol):
    @property
    def pid(self) -> int | None: ...
    @property
    def log(self) -> Path: ...
    def start(self, properties: Mapping[str, str]) -> None: ...
    def alive(self) -> bool: ...
    def kill(self) -> None: ...
    def stop(self, timeout_s: float) -> None: ...
    def discard(self) -> None: ...


def why_unavailable(cache: Path | None = None) -> str | None:
    """Say why no broker can run here; None when one can."""
    if java_available(cache or default_cache()) or docker_available():
        return None
    return "no Java 17 with Maven, and no Docker daemon that answers"


class KafkaBroker:
    """One broker whose data, port, log and configuration outlive its process.

    `start` after `kill` or `stop` brings back the same broker on the same port with the same data.
    Topics are never created by use: create them through the admin client, as in production.

    Args:
        folder: Holds data, configuration and log; made when missing.
        port: Client port; a free one by default.
        listeners: More doors for clients, name -> security protocol: `{"GUARDED": "SASL_SSL"}`.
            Each has a port of its own, see `address`; keys and users are properties in `overrides`.
        overrides: Broker properties that replace ours.
        cache: Where downloaded jars are kept, `~/.cache/rillstream` by default.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        listeners: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> None:
        self.folder = folder
        # Two brokers on the same data: the first one dies of it (raft, "unexpected error").
        self._lock = FileLock(folder / "broker.lock", thread_local=False)
        protocols = dict(listeners or {})
        self.port, controller_port, *more = _free_ports(port, 2 + len(protocols))
        self._ports = dict(zip(protocols, more, strict=True))
        self._properties = _properties(self.port, controller_port)
        for name, protocol in protocols.items():
            self._open(name, protocol)
        self._properties |= dict(overrides or {})
        cache = cache or default_cache()
        self._runtime: _Runtime
        if java_available(cache):
            self._runtime = JavaRuntime(folder, cache)
        elif docker_available():
            self._runtime = DockerRuntime(folder, [self.port, *more])
        else:
            raise KafkaStartError(
                f"Cannot run Kafka: {why_unavailable(cache)}. "
                "Install Java 17 and Maven, or start Docker; `rillstream demo` needs neither."
            )

    @property
    def bootstrap(self) -> str:
        """Address for `bootstrap.servers`."""
        return f"127.0.0.1:{self.port}"

    def address(self, listener: str) -> str:
        """Address of one of the additional listeners."""
        return f"127.0.0.1:{self._ports[listener]}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs, for signals of a test's own."""
        return self._runtime.pid

    @property
    def log(self) -> Path:
        """The broker's log file."""
        return self._runtime.log

    def start(self, timeout_s: float = 60.0) -> None:
        """Start, or start again, and return once the broker answers a metadata request.

        Raises:
            KafkaStartError: Another one has its data or its port; or it ended, or did not answer
                within `timeout_s`.
        """
        if self._runtime.alive():
            return
        self._claim()
        self._runtime.start(self._properties)
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if not self._runtime.alive():
                raise KafkaStartError(f"Kafka ended while starting; its log: {self.log}")
            if time.monotonic() > deadline:
                self._runtime.kill()
                raise KafkaStartError(
                    f"Kafka did not answer within {timeout_s:g} s; its log: {self.log}"
                )
            time.sleep(0.1)

    def alive(self) -> bool:
        """Tell whether its process runs."""
        return self._runtime.alive()

    def kill(self) -> None:
        """Kill -9. Data stay, as after a power cut of the process (not of the machine)."""
        self._runtime.kill()
        self._lock.release(force=True)

    def stop(self, timeout_s: float = 20.0) -> None:
        """Shut down in order; data stay."""
        self._runtime.stop(timeout_s)
        self._lock.release(force=True)

    def discard(self) -> None:
        """Remove what lives outside `folder`: with Docker, the container."""
        self._runtime.discard()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _claim(self) -> None:
        """Make sure that data and port are nobody else's, as long as this process lives."""
        if _listens(self.port):
            raise KafkaStartError(
                f"something listens at {self.bootstrap} already, perhaps another broker: use it, "
                "or choose another port"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise KafkaStartError(
                f"another broker runs with the data in {self.folder}: use it, end it, or choose "
                "another folder"
            ) from None

    def _open(self, listener: str, protocol: str) -> None:
        door = f"{listener}://{self.address(listener)}"
        more = {
            "listeners": door,
            "advertised.listeners": door,
            "listener.security.protocol.map": f"{listener}:{protocol}",
        }
        self._properties |= {key: f"{self._properties[key]},{value}" for key, value in more.items()}

    def _answers(self) -> bool:
        if not _listens(self.port):
            return False
        try:
            admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            cluster = admin.list_topics(timeout=2)
        except KafkaException:
            return False
        return bool(cluster.brokers) and all(
            partition.leader >= 0
            for topic in cluster.topics.values()
            for partition in topic.partitions.values()
        )


def _properties(port: int, controller_port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "auto.create.topics.enable": "false",
        # After kill -9 the controller refuses the broker's registration until the dead one's
        # session ends: with Kafka's defaults (9 s and 2 s) a restart takes 12 s.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }


def _listens(port: int) -> bool:
    """Tell whether anybody listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(wanted: int | None, n: int) -> list[int]:
    """Choose so many ports that nobody listens on now; the first is the one wanted, if any."""
    choice = random.Random(os.getpid() ^ time.monotonic_ns())  # noqa: S311
    free: list[int] = [] if wanted is None else [wanted]
    while len(free) < n:
        port = choice.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in free:
            free.append(port)
    return free
