"""The Faust app where there is no broker, in a process of its own: Faust leaves sockets open."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKE = """
import asyncio, sys, uvloop
from streams.app import create_app
from streams.security import Security

def make():
    app = create_app(
        "app", "127.0.0.1:1", partitions=1, datadir=sys.argv[1], session_timeout_s=4,
        heartbeat_s=1, instance_id=None, security=Security(),
    )
    app.finalize()
    return app
"""
CONNECT = """
async def connect():
    await make().connect()

asyncio.run(connect())
"""
LOOPS = """
async def loops():
    reading = make().consumer._thread.thread_loop
    print(isinstance(asyncio.get_running_loop(), uvloop.Loop), isinstance(reading, uvloop.Loop))

uvloop.install()
asyncio.run(loops())
"""


def run(code: str, datadir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAKE + code, str(datadir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_consumer_that_cannot_connect_is_no_unexpected_error(tmp_path: Path) -> None:
    """The broker may go after the topics were checked: exit 3, try again."""
    assert (
        "\nstreams.errors.BrokerUnavailableError: the consumer did not connect"
        in run(CONNECT, tmp_path).stderr
    )


def test_kafka_is_read_on_a_loop_of_its_own_kind(tmp_path: Path) -> None:
    """See tests/streams/test_client_loop.py: on uvloop, a lost broker ends the client's tasks."""
    done = run(LOOPS, tmp_path)
    assert done.stdout == "True False\n", done.stderr
