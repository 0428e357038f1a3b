"""A person is told that the broker is awaited; a script, a file and who has one are not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from streams.cli.waiting import tell_if_awaited

ABSENT = "127.0.0.1:1"


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def told(capsys: pytest.CaptureFixture[str], bootstrap: str) -> str:
    """What a person at a terminal reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stderr, "isatty", lambda: True)
        thread = tell_if_awaited(bootstrap, after_s=0.01)
        assert thread is not None
        thread.join(10)
    return capsys.readouterr().err


@pytest.mark.parametrize("bootstrap", [ABSENT, f"{ABSENT},[::1]:1", "no such name:x", ""])
def test_who_is_not_there_is_awaited(capsys: pytest.CaptureFixture[str], bootstrap: str) -> None:
    assert told(capsys, bootstrap) == f"Waiting for the broker at {bootstrap} …\n"


def test_one_of_several_is_enough(capsys: pytest.CaptureFixture[str], listening: str) -> None:
    assert told(capsys, listening) == ""
    assert told(capsys, f"{ABSENT}, {listening}") == ""


def test_a_script_at_a_terminal_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert tell_if_awaited(ABSENT, quiet=True) is None


def test_a_file_is_told_nothing() -> None:
    assert tell_if_awaited(ABSENT) is None


def test_a_command_says_so_long_before_it_gives_up() -> None:
    ours, terminal = os.openpty()
    words = [sys.executable, "-m", "streams.cli.main", "topics", "check", "--broker", ABSENT]
    begun = time.monotonic()
    with (
        open(ours, "rb") as screen,
        subprocess.Popen(words, stderr=terminal, stdout=subprocess.DEVNULL) as process,
    ):
        os.close(terminal)
        line = screen.readline()
        took = time.monotonic() - begun
        process.kill()
    assert line == f"Waiting for the broker at {ABSENT} …\r\n".encode()
    assert took < 15
