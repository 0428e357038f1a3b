"""The entry point: quick help, one line an error, clean ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from streams.brokers.embedded import EmbeddedBroker
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.settings import Settings
from streams.topics import create_topics
from tests.commands import leaves
from tests.streams.reading import messages

COMMAND = [sys.executable, "-m", "streams.cli.main"]
ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"  # a port that nobody listens on


def rillstream(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


HEAVY = {"confluent_kafka", "faiss", "faust", "numpy", "pyarrow", "scipy", "torch", "transformers"}
HELP = """
import sys
from streams.cli.main import run
code = run([*sys.argv[1:], "--help"])
print("loaded:", *sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("words", [(), *leaves()], ids=lambda words: " ".join(words) or "root")
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    """It answers in .4 s, a person does not wait; each of these takes a good part of that alone."""
    done = subprocess.run(
        [sys.executable, "-c", HELP, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == Exit.OK
    loaded = set(done.stderr.split("loaded:")[1].split())
    assert "streams.cli.main" in loaded
    assert not HEAVY & loaded


def test_the_version_is_printed() -> None:
    assert rillstream("--version").stdout.startswith("rillstream ")


def test_wrong_arguments_end_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["worker", "--no-such-option"]) == Exit.USAGE
    said = capsys.readouterr().err
    assert "--no-such-option. Try: rillstream worker --help" in said
    assert run(["index", "search", "--no-such-option"]) == Exit.USAGE
    assert "Try: rillstream index search --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["topics", "creat"], "Did you mean 'create'? Try: rillstream topics --help\n"),
        (["subscribe", "--from", "x"], "'--from': 'x' is not one of 'earliest', 'latest'. Try: "),
        (["publish", "x.jsonl", "--speed", "x"], "speed 'x': use 1x, 10x, 0.5x, … or max. Try: "),
        (["subscribe", "--user"], "requires an argument. Try: rillstream subscribe --help\n"),
        (["topics", "create", "--broker"], "Try: rillstream topics create --help\n"),
        (["demo", "--speed", "0x"], "speed '0x': use 1x, 10x, 0.5x, … or max. Try: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_one_plain_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == Exit.USAGE
    assert said in capsys.readouterr().err


def test_a_group_without_a_command_shows_its_help_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["topics"]) == Exit.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Usage: rillstream topics")
    assert said.err.endswith("rillstream topics create\n")


def test_an_unknown_setting_is_one_line_that_names_the_nearest() -> None:
    done = rillstream("topics", "check", RILLSTREAM_BOOTSTRAP_SERVER="x")
    assert done.returncode == Exit.FATAL
    assert done.stderr.count("\n") == 1
    assert "RILLSTREAM_BOOTSTRAP_SERVERS" in done.stderr


def test_a_broker_that_is_away_is_one_line_and_three() -> None:
    done = rillstream("topics", "check", "--broker", NOBODY)
    assert done.returncode == Exit.WORLD_DOWN
    assert NOBODY in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback_wherever_it_stands() -> None:
    for words in (
        ["--debug", "topics", "check", "--broker", NOBODY],
        ["topics", "check", "--broker", NOBODY, "--debug"],
    ):
        assert "Traceback" in rillstream(*words).stderr


def test_a_missing_file_is_bad_input() -> None:
    done = rillstream("index", "build", "no-such-file.jsonl")
    assert done.returncode == Exit.BAD_INPUT
    assert "no-such-file.jsonl" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_index_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    done = rillstream("index", "verify", "--index-dir", str(tmp_path))
    assert done.returncode == Exit.FATAL
    assert "rillstream index build" in done.stderr


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)],
)
def test_a_signal_ends_a_waiting_command_without_a_traceback(
    number: signal.Signals, code: Exit
) -> None:
    with EmbeddedBroker() as broker:
        create_topics(Settings(bootstrap_servers=broker.bootstrap))
        process = subprocess.Popen(
            [*COMMAND, "subscribe", "--broker", broker.bootstrap],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert "Listening" in process.stderr.readline()
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_publishing_that_is_ended_says_how_far_it_came(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Its events are minutes apart, at the speed of their time."""
    click = {"user_id": "ann", "type": "visit"}
    rows = [{**click, "event_id": f"e{n}", "at_ms": n * 3_600_000} for n in range(2)]
    file = tmp_path / "clicks.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with EmbeddedBroker() as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap)
        create_topics(settings)
        process = subprocess.Popen(
            [*COMMAND, "publish", str(file), "--speed", "1x", "--broker", broker.bootstrap],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not messages(settings, "clicks"):
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert errors == "Ended early: 1 to clicks sent.\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["index", "--help"],
        ["models", "card", "default"],
        ["topics", "create", "--dry-run"],
        ["topics", "create", "--dry-run", "--json"],
        ["doctor", "--broker", NOBODY],
    ],
    ids=" ".join,
)
def test_a_command_whose_reader_is_gone_ends_quietly_and_says_so_by_its_code(
    words: list[str],
) -> None:
    """As `yes | head` does. rich left with exit code 1, and the interpreter's end with 120."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = subprocess.run(
            [*COMMAND, *words],
            cwd=ROOT,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (Exit.NO_READER, "")


def test_an_error_that_nobody_reads_has_its_own_exit_code() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = subprocess.run(
            [*COMMAND, "rules", "check", "no-such-file.toml"],
            cwd=ROOT,
            stdout=theirs,
            stderr=theirs,
            timeout=60,
            check=False,
        )
    finally:
        os.close(theirs)
    assert done.returncode == Exit.BAD_INPUT


def test_output_that_a_full_disk_does_not_take_is_an_error_of_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == Exit.WORLD_DOWN
    assert done.stderr.count("\n") == 1
    assert "No space left on device. Make room" in done.stderr


def test_a_connection_that_breaks_is_not_taken_for_a_reader_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def breaks() -> NoReturn:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("streams.cli.worker.installed", breaks)
    assert run(["worker"]) == Exit.UNEXPECTED
    assert "Broken pipe" in capfd.readouterr().err
