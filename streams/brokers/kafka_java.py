"""Kafka from Maven artifacts, run by the machine's own Java: no container, no installation."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from streams.child import dies_with_parent
from streams.errors import FatalError

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.25.4"
# 4.4.0 of the plugin does not resolve: one of its own artifacts is missing from the registry.
COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
JAVA_FLAGS = ("-Dlog4j2.configurationFile=log4j2.properties",)
# As Kafka's own scripts call it.
HEAP_VARIABLE, HEAP = "KAFKA_HEAP_OPTS", "-Xmx512m"

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>rillstream</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J_VERSION}</version></dependency>
  </dependencies>
</project>
"""

_LOG4J = """rootLogger.level = INFO
rootLogger.appenderRef.stdout.ref = STDOUT
appender.stdout.type = Console
appender.stdout.name = STDOUT
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = [%d] %p %m (%c)%n
"""


class KafkaStartError(FatalError):
    """The broker could not be downloaded or started; the message says what to look at."""


def default_cache() -> Path:
    """Return the folder for downloads: XDG_CACHE_HOME/rillstream, or ~/.cache/rillstream."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rillstream"


def java_available(cache: Path) -> bool:
    """Tell whether Java is here, and Maven too unless the jars have been downloaded."""
    return shutil.which("java") is not None and (
        shutil.which("mvn") is not None or _libraries(cache).is_dir()
    )


def ensure_libraries(cache: Path) -> Path:
    """Return the folder with Kafka's jars, downloading them (44 MB) the first time.

    Several processes may ask at once: one downloads, the others wait. The folder appears under its
    final name only when it is complete.

    Raises:
        KafkaStartError: Maven could not fetch the artifacts.
    """
    libraries = _libraries(cache)
    if libraries.is_dir():
        return libraries
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"kafka-{KAFKA_VERSION}.lock"):
        if libraries.is_dir():
            return libraries
        partial = cache / f"kafka-{KAFKA_VERSION}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        (partial / "pom.xml").write_text(_POM)
        maven = shutil.which("mvn")
        if maven is None:
            raise KafkaStartError("Maven is not installed. Install Maven (and Java 17), or Docker.")
        done = subprocess.run(  # noqa: S603
            [maven, "--batch-mode", "-q", COPY_GOAL, f"-DoutputDirectory={partial / 'libs'}"],
            cwd=partial,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaStartError(
                f"Maven could not fetch Kafka {KAFKA_VERSION}: "
                f"{done.stdout[-800:]}{done.stderr[-200:]}"
            )
        (partial / "libs").rename(libraries)
        shutil.rmtree(partial)
    return libraries


class JavaRuntime:
    """Runs one broker as a Java process whose data, configuration and log live in `folder`."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._cache = cache
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running broker."""
        return self._process.pid if self._process is not None else None

    @property
    def log(self) -> Path:
        """The broker's log; it grows over restarts and is never removed."""
        return self._folder / "server.log"

    def start(self, properties: Mapping[str, str]) -> None:
        """Format the data folder the first time, then spawn the broker and return at once."""
        libraries = ensure_libraries(self._cache)
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.properties").write_text(_LOG4J)
        lines = {**properties, "log.dirs": str((self._folder / "data").resolve())}
        config = self._folder / "server.properties"
        config.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(libraries)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*dies_with_parent("KILL"), *self._java(libraries), "kafka.Kafka", config.name],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the broker last
            )

    def alive(self) -> bool:
        """Tell whether the broker's process is running."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Kill -9: nothing is flushed, no group is told."""
        self._end(signal.SIGKILL, timeout_s=10)

    def stop(self, timeout_s: float) -> None:
        """Controlled shutdown; killed when it takes longer than `timeout_s`."""
        try:
            self._end(signal.SIGTERM, timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def discard(self) -> None:
        """Nothing lives outside the folder."""

    def _end(self, number: signal.Signals, timeout_s: float) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(timeout_s)
        self._process = None

    def _format(self, libraries: Path) -> None:
        cluster_id = uuid.uuid4().hex[:22]
        format_data = ["kafka.tools.StorageTool", "format", "-t", cluster_id]
        done = subprocess.run(  # noqa: S603
            [*self._java(libraries), *format_data, "-c", "server.properties"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaStartError(
                f"Could not format {self._folder / 'data'}: {done.stdout}{done.stderr}"
            )

    def _java(self, libraries: Path) -> list[str]:
        java = shutil.which("java")
        if java is None:
            raise KafkaStartError("Java is not installed. Install Java 17, or Docker.")
        heap = os.environ.get(HEAP_VARIABLE, HEAP).split()
        return [java, *heap, *JAVA_FLAGS, "-cp", f"{libraries}/*"]


def _libraries(cache: Path) -> Path:
    return cache / f"kafka-{KAFKA_VERSION}"
