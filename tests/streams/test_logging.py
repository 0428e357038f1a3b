"""What a worker logs, in a process of its own: logging is set for all of one."""

import json
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
from streams.logs import configure_logging

async def log_in():
    connection = AIOKafkaConnection("broker", 9092)
    connection._writer = SimpleNamespace(write=len, drain=lambda: None)
    connection._versions = {SaslAuthenticateRequest.API_KEY: (0, 1)}
    connection.send(SaslAuthenticateRequest(b"\\0shop\\0pw-plain-1f7"), expect_response=False)

configure_logging(load_settings(log_level="debug"))
logging.getLogger("aiokafka.consumer").debug("fetches")
asyncio.run(log_in())
"""


def run(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_most_talkative_log_has_no_password(tmp_path: Path) -> None:
    done = run(LOG_IN, tmp_path)
    assert "DEBUG aiokafka.consumer fetches" in done.stderr
    assert "pw-plain-1f7" not in done.stderr + done.stdout


COLOURS = """
import structlog, sys
from streams.settings import load_settings
from streams.logs import configure_logging

sys.stderr.isatty = lambda: True
configure_logging(load_settings())
structlog.get_logger().info("ready")
"""


def test_a_terminal_has_colours_unless_they_are_not_wanted(tmp_path: Path) -> None:
    assert "\x1b[" in run(COLOURS, tmp_path).stderr
    assert "\x1b[" not in run(COLOURS, tmp_path, NO_COLOR="1").stderr  # no-color.org


SPEAK = """
import structlog
from streams.settings import load_settings
from streams.logs import configure_logging

for log_format in ("console", "json"):
    for client_id in ("rillstream", "worker-1"):
        configure_logging(load_settings(log_format=log_format, client_id=client_id))
        structlog.get_logger().info("ready")
"""


def test_workers_of_one_log_can_be_told_apart(tmp_path: Path) -> None:
    """Those of `worker --workers 2`, for instance; who is alone says no name."""
    done = run(SPEAK, tmp_path)
    plain, named, plain_json, named_json = done.stderr.splitlines()
    assert "client_id=worker-1" in named
    assert json.loads(named_json)["client_id"] == "worker-1"
    assert "client_id" not in plain + plain_json
