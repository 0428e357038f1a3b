"""The README's way from nothing to lists, run word by word against a real Kafka."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaBroker

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FILES = {"item_id": "items.jsonl", "view": "clicks.jsonl", "search": "searches.jsonl"}


def section(title: str) -> str:
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


def commands() -> list[list[str]]:
    """Return the words of the section's rillstream commands, without their comments."""
    block = re.findall(r"```console\n(.*?)```", section("Run it on Kafka"), re.DOTALL)[0]
    lines = [line.removeprefix("$ ").split(" #")[0] for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("rillstream ")]


def write_files(folder: Path) -> None:
    """Put each of the section's example records into the file that its commands name."""
    block = re.findall(r"```json\n(.*?)```", section("Run it on Kafka"), re.DOTALL)[0]
    for line in block.splitlines():
        record = json.loads(line)
        with (folder / FILES[record.get("type", "item_id")]).open("a") as file:
            file.write(line + "\n")


@contextmanager
def running(
    words: list[str], folder: Path, environment: dict[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    with (folder / f"{words[0]}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=40)


def wait_for(text: str, log: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 90
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_readme_leads_from_nothing_to_lists(kafka: KafkaBroker, tmp_path: Path) -> None:
    write_files(tmp_path)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RILLSTREAM_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "RILLSTREAM_TOPIC_PREFIX": "readme-",
        "RILLSTREAM_APP_ID": "readme",
    }
    broker, create, build, worker, subscribe, publish = commands()
    assert broker == ["broker"]  # the fixture's is the same one
    for words in (create, build):
        subprocess.run(
            [sys.executable, "-m", "streams.cli.main", *words],
            cwd=tmp_path,
            env=environment,
            check=True,
            timeout=120,
        )
    with (
        running(worker, tmp_path, environment) as working,
        running(subscribe, tmp_path, environment) as subscriber,
    ):
        wait_for("worker ready", tmp_path / "worker.log", working)
        wait_for("Listening", tmp_path / "subscribe.log", subscriber)
        with running(publish, tmp_path, environment) as publisher:
            assert publisher.wait(60) == 0
        assert subscriber.stdout is not None
        lists = [json.loads(subscriber.stdout.readline()) for _ in range(2)]
    assert [found["trigger"]["event_id"] for found in lists] == ["e1", "e2"]
    assert all(found["user_id"] == "ann" for found in lists)
    assert [found["items"][0]["item_id"] for found in lists] == ["pot-1", "pot-1"]
    assert working.returncode == 0
