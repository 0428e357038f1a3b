"""Kafka in a container, for machines with Docker but without Java. Not yet run by our own tests."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.brokers.kafka_java import KAFKA_VERSION, KafkaStartError

IMAGE = f"apache/kafka:{KAFKA_VERSION}"


def docker_available() -> bool:
    """Tell whether a Docker daemon answers."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    done = subprocess.run(  # noqa: S603
        [docker, "info"], capture_output=True, check=False, timeout=20
    )
    return done.returncode == 0


class DockerRuntime:
    """Runs one broker as a container that publishes its ports on 127.0.0.1 only.

    The data live in the container's own layer: a killed container started again finds them.
    """

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self._folder = folder
        self._ports = ports
        self._name = f"rillstream-kafka-{ports[0]}"
        self._created = self._exists()

    @property
    def pid(self) -> int | None:
        """Process id of the broker on this host; none while it is down."""
        if not self._created:
            return None
        return int(self._docker("inspect", "-f", "{{.State.Pid}}", self._name).strip()) or None

    @property
    def log(self) -> Path:
        """The container's log, copied when the broker ends."""
        return self._folder / "server.log"

    def start(self, properties: Mapping[str, str]) -> None:
        """Create the container the first time, start it the next times."""
        if self._created:
            self._docker("start", self._name)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        # A container's loopback is out of reach: listen everywhere inside, publish on 127.0.0.1.
        listeners = properties["listeners"].replace("127.0.0.1", "0.0.0.0")  # noqa: S104
        environment = [
            f"KAFKA_{key.replace('-', '___').replace('.', '_').upper()}={value}"
            for key, value in {**properties, "listeners": listeners}.items()
        ]
        options = [part for line in environment for part in ("-e", line)]
        publish = [part for port in self._ports for part in ("-p", f"127.0.0.1:{port}:{port}")]
        self._docker("run", "-d", "--name", self._name, *publish, *options, IMAGE)
        self._created = True

    def alive(self) -> bool:
        """Tell whether the container is running."""
        if not self._created:
            return False
        return self._docker("inspect", "-f", "{{.State.Running}}", self._name).strip() == "true"

    def kill(self) -> None:
        """Kill -9; the container and its data stay."""
        if self.alive():
            self._docker("kill", "-s", "KILL", self._name)
            self._keep_log()

    def stop(self, timeout_s: float) -> None:
        """Controlled shutdown; the container and its data stay."""
        if self.alive():
            self._docker("stop", "-t", str(int(timeout_s)), self._name)
            self._keep_log()

    def discard(self) -> None:
        """Remove the container together with its data."""
        if self._created:
            self._docker("rm", "-f", "-v", self._name)
            self._created = False

    def _exists(self) -> bool:
        listed = self._docker("ps", "-a", "-q", "-f", f"name=^/{self._name}$")
        return bool(listed.strip())

    def _keep_log(self) -> None:
        self.log.write_text(self._docker("logs", self._name))

    def _docker(self, *arguments: str) -> str:
        docker = shutil.which("docker")
        if docker is None:
            raise KafkaStartError("Docker is not installed.")
        done = subprocess.run(  # noqa: S603
            [docker, *arguments], capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode != 0:
            raise KafkaStartError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout
