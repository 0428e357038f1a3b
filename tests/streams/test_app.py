"""The Faust app where there is no broker, in a process of its own: Faust leaves sockets open."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONNECT = """
import asyncio, sys
from streams.app import create_app
from streams.settings import Security

async def connect():
    app = create_app(
        "app", "127.0.0.1:1", partitions=1, datadir=sys.argv[1], session_timeout_s=4,
        heartbeat_s=1, instance_id=None, security=Security(),
    )
    app.finalize()
    await app.connect()

asyncio.run(connect())
"""


def test_a_consumer_that_cannot_connect_is_no_unexpected_error(tmp_path: Path) -> None:
    """The broker may go after the topics were checked: exit 3, try again."""
    done = subprocess.run(
        [sys.executable, "-c", CONNECT, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "\nstreams.errors.BrokerUnavailableError: the consumer did not connect" in done.stderr
