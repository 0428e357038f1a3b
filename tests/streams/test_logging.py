"""What a worker logs, in a process of its own: logging is set for all of one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOG_IN = """
import asyncio, logging
from types import SimpleNamespace
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.admin import SaslAuthenticateRequest
from streams.settings import load_settings
from streams.worker import configure_logging

async def log_in():
    connection = AIOKafkaConnection("broker", 9092)
    connection._writer = SimpleNamespace(write=len, drain=lambda: None)
    connection._versions = {SaslAuthenticateRequest.API_KEY: (0, 1)}
    connection.send(SaslAuthenticateRequest(b"\\0shop\\0pw-plain-1f7"), expect_response=False)

configure_logging(load_settings(log_level="debug"))
logging.getLogger("aiokafka.consumer").debug("fetches")
asyncio.run(log_in())
"""


def test_the_most_talkative_log_has_no_password(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOG_IN],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "DEBUG aiokafka.consumer fetches" in done.stderr
    assert "pw-plain-1f7" not in done.stderr + done.stdout
