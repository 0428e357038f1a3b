"""A worker's life around the stream: what ends it before there is one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.cli.exits import Exit
from tests.streams.asking import ask, ask_until, free_port

_BROKER_GOES_AT_THE_START = """
from streams.brokers.embedded import EmbeddedBroker
from streams.serve import serve
from streams.settings import load_settings
from streams.topics import create_topics
from streams.logs import configure_logging

with EmbeddedBroker() as broker:
    short = {"session_timeout_s": 1, "heartbeat_s": 0.3}
    settings = load_settings(bootstrap_servers=broker.bootstrap, **short)
    create_topics(settings)
    configure_logging(settings)

    def plan(rows):
        broker.stop()
        return []

    serve(settings, plan)
"""


@pytest.mark.timeout(60)
def test_a_worker_that_waits_for_its_first_transaction_can_be_stopped(tmp_path: Path) -> None:
    """The index is loaded for minutes, and meanwhile the broker may go away."""
    command = [sys.executable, "-c", _BROKER_GOES_AT_THE_START]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            while "the broker does not open transactions yet" not in process.stderr.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            told = process.communicate(timeout=30)[1]
        finally:
            process.kill()
    assert process.returncode == Exit.WORLD_DOWN
    assert "the writer could not start within 1 s" in told


_STOPPED_BEFORE_A_COMMIT_THAT_FAILS = """
import os, signal
from confluent_kafka import Producer
from streams.brokers.embedded import EmbeddedBroker
from streams.logs import configure_logging
from streams.outbox import Outbox
from streams.parts import Work
from streams.serve import serve
from streams.settings import load_settings
from streams.topics import create_topics

def too_much(runs, claim):
    outbox = Outbox.of(runs, claim)
    outbox.send("recommendations", b"u", bytes(3_000_000))
    os.kill(os.getpid(), signal.SIGTERM)
    while "stopping" not in open("log").read():
        pass
    return outbox

with EmbeddedBroker() as broker:
    settings = load_settings(bootstrap_servers=broker.bootstrap)
    create_topics(settings)
    configure_logging(settings)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce("clicks", b"{}")
    producer.flush(10)
    work = Work("events", ["clicks"], [], too_much)
    raise SystemExit(serve(settings, lambda rows: [work]))
"""


@pytest.mark.timeout(60)
def test_a_worker_whose_last_commit_fails_says_why(tmp_path: Path) -> None:
    """And not only that something did not end in time."""
    command = [sys.executable, "-c", _STOPPED_BEFORE_A_COMMIT_THAT_FAILS]
    log = tmp_path / "log"
    with log.open("w") as told:
        ended = subprocess.run(command, cwd=tmp_path, stderr=told, timeout=50, check=False)
    assert ended.returncode == Exit.FATAL, log.read_text()
    assert "max.message.bytes" in log.read_text()


_COMPUTES_FOR_EVER = """
import sys, threading
from streams.brokers.embedded import EmbeddedBroker
from streams.health import Health
from streams.metrics import StepMetrics
from streams.probes import offered
from streams.parts import Work
from streams.serve import serve
from streams.settings import load_settings
from streams.topics import create_topics

with EmbeddedBroker() as broker:
    settings = load_settings(bootstrap_servers=broker.bootstrap)
    create_topics(settings)
    print(broker.bootstrap, flush=True)
    metrics, health = StepMetrics(), Health(limit_s=3)
    work = Work("events", ["clicks"], [], lambda runs, claim: threading.Event().wait())
    with offered(int(sys.argv[1]), "127.0.0.1", health, metrics.registry):
        serve(settings, lambda rows: [work], metrics=metrics, health=health)
"""


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_batch_that_does_not_end_is_death_and_idleness_is_not(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", _COMPUTES_FOR_EVER, str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            broker = process.stdout.readline().strip()
            ask_until(port, "/readyz", 200)
            counted = ask(port, "/metrics")[1]
            assert "rillstream_ready 1.0" in counted
            assert 'rillstream_position{partition="0",topic="clicks"} 0.0' in counted
            assert "rillstream_restore_seconds 0.0\n" not in counted
            time.sleep(4)
            assert ask(port, "/livez") == (200, "ok\n")
            producer = Producer({"bootstrap.servers": broker})
            producer.produce("clicks", b"{}")
            producer.flush(10)
            assert "a batch of events has not moved for" in ask_until(port, "/livez", 503)
        finally:
            process.kill()
