"""A worker's life around the stream: what ends it before there is one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.exits import Exit

_BROKER_GOES_AT_THE_START = """
from streams.brokers.embedded import EmbeddedBroker
from streams.serve import serve
from streams.settings import load_settings
from streams.topics import create_topics
from streams.worker import configure_logging

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
