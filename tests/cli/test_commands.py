"""Commands against the embedded broker: what they print and how they end."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.brokers.embedded import EmbeddedBroker
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.dead_letter import dead_letter_record
from streams.events import Click
from streams.files import STANDARD_INPUT, in_time_order
from streams.kafka_config import producer_config
from streams.outputs import Recommendation, RecommendedItem, Tasks, Trigger
from streams.records import encode
from streams.settings import Settings
from streams.topics import all_topics

CLICK = {"event_id": "e1", "user_id": "ann", "type": "view", "item_id": "mug", "at_ms": 1}
SEARCH = {"event_id": "e2", "user_id": "ann", "type": "search", "query": "mug", "at_ms": 2}
NONSENSE = {"event_id": "e3", "user_id": "ann", "type": "nonsense", "at_ms": 3}


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedBroker() as embedded:
        assert run(["topics", "create", "--broker", embedded.bootstrap]) == Exit.OK
        yield embedded.bootstrap


def lines(path: Path, *rows: dict[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def send(broker: str, topic: str, value: bytes | None, key: str, headers: Any = None) -> None:
    from confluent_kafka import Producer

    producer = Producer(producer_config(Settings(bootstrap_servers=broker)))
    producer.produce(topic, value, key.encode(), headers=headers)
    assert producer.flush(20) == 0


def a_list(number: int, user: str) -> bytes:
    trigger = Trigger(
        event_id="e", type="view", at_ms=1, topic="clicks", partition=0, offset=number
    )
    item = RecommendedItem(
        item_id="mug", rank=1, score=0.5, tasks=Tasks(), propensity=1.0, reason="popular now"
    )
    return encode(
        Recommendation(
            recommendation_id=f"r{number}", user_id=user, at_ms=1, trigger=trigger, items=(item,)
        )
    )


def test_published_files_go_to_the_topics_of_their_records(
    broker: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lines(tmp_path / "events.jsonl", CLICK, SEARCH)
    capsys.readouterr()
    assert run(["publish", file, "--broker", broker, "--json"]) == Exit.OK
    assert printed(capsys)[0]["sent"] == {"clicks": 1, "searches": 1}


def test_a_pipe_is_published_line_by_line_as_a_file_is(
    broker: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each when it is there: who waits for the end of a pipe hears nothing of what is live."""
    file = lines(tmp_path / "searches.jsonl", SEARCH)
    given, taken = os.pipe()
    monkeypatch.setattr("sys.stdin", open(given, encoding="utf-8"))
    with sys.stdin, open(taken, "wb", buffering=0) as pipe:
        rows = in_time_order([STANDARD_INPUT])
        pipe.write(json.dumps(CLICK).encode() + b"\n")
        assert isinstance(next(rows), Click), "and the pipe is still open"
        pipe.write("\n".join(map(json.dumps, (CLICK, NONSENSE))).encode())
        pipe.close()
        capsys.readouterr()
        words = ["publish", "-", file, "--broker", broker, "--skip-bad", "--json"]
        assert run(words) == Exit.OK
    out, err = capsys.readouterr()
    assert json.loads(out)["sent"] == {"clicks": 1, "searches": 1}
    assert "left out: -:2: " in err


def test_a_bad_row_ends_publishing_with_its_file_and_line(
    broker: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lines(tmp_path / "events.jsonl", CLICK, NONSENSE)
    assert run(["publish", file, "--broker", broker]) == Exit.BAD_INPUT
    assert "events.jsonl:2" in capsys.readouterr().err


def test_bad_rows_can_be_left_out(
    broker: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lines(tmp_path / "events.jsonl", NONSENSE, CLICK)
    capsys.readouterr()
    assert run(["publish", file, "--broker", broker, "--skip-bad", "--json"]) == Exit.OK
    out, err = capsys.readouterr()
    assert json.loads(out)["rejected"] == 1
    assert "events.jsonl:1" in err


def test_subscribe_ends_after_so_many_lists_of_the_user(
    broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, user in enumerate(["ann", "bob", "ann", "ann"]):
        send(broker, "recommendations", a_list(number, user), user)
    capsys.readouterr()
    words = ["subscribe", "--broker", broker, "--from", "earliest", "--user", "ann"]
    assert run([*words, "--max", "2", "--json"]) == Exit.OK
    assert [found["recommendation_id"] for found in printed(capsys)] == ["r0", "r2"]


def test_a_list_is_shown_with_its_reasons(broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    send(broker, "recommendations", a_list(0, "ann"), "ann")
    run(["subscribe", "--broker", broker, "--from", "earliest", "--max", "1"])
    out = capsys.readouterr().out
    assert "ann  after view e" in out
    assert "1. mug" in out
    assert "popular now" in out


def test_what_is_no_list_is_told_beside_the_output(
    broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that read the lines found one in the middle that was no JSON."""
    send(broker, "recommendations", b"no list", "ann")
    send(broker, "recommendations", a_list(0, "ann"), "ann")
    capsys.readouterr()
    words = ["subscribe", "--broker", broker, "--from", "earliest", "--max", "1", "--json"]
    assert run(words) == Exit.OK
    out, err = capsys.readouterr()
    assert [json.loads(line)["recommendation_id"] for line in out.splitlines()] == ["r0"]
    assert "unreadable recommendation" in err


def test_a_list_cannot_write_into_the_terminal(
    broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose user_id it is may be chosen by a visitor of the shop."""
    send(broker, "recommendations", a_list(0, "ann\x1b[2J\nbob"), "ann")
    assert run(["subscribe", "--broker", broker, "--from", "earliest", "--max", "1"]) == Exit.OK
    assert "ann\\x1b[2J\\nbob  after view e" in capsys.readouterr().out


def test_dead_letters_are_listed_and_sent_again(
    broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    topic, key, value, headers = dead_letter_record(b"{", "clicks", 3, 7, b"ann", "no JSON")
    send(broker, topic, value, (key or b"").decode(), headers)
    capsys.readouterr()
    assert run(["dead-letters", "list", "--broker", broker, "--json"]) == Exit.OK
    found = printed(capsys)[0]
    assert (found["topic"], found["partition"], found["offset"]) == ("clicks", 3, 7)
    assert (found["reason"], found["key"], found["value"]) == ("no JSON", "ann", "{")
    assert run(["dead-letters", "replay", "--broker", broker, "--json"]) == Exit.OK
    assert printed(capsys) == [{"sent": 1, "cut": 0, "repeated": 0, "too_long": 0}]


def test_a_dead_letter_cannot_write_into_the_terminal(
    broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody who may send an event may send these bytes, and reads where they go."""
    raw = "ä\x1b]0;owned\x07\x1b[2J\nfake line".encode()
    topic, key, value, headers = dead_letter_record(raw, "clicks", 3, 7, b"ann", "bad \x1b[31m")
    send(broker, topic, value, (key or b"").decode(), headers)
    capsys.readouterr()
    assert run(["dead-letters", "list", "--broker", broker]) == Exit.OK
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\x07" not in told
    assert r"ä\x1b]0;owned\x07\x1b[2J\nfake line" in told


def test_a_dry_run_prints_every_definition_and_needs_no_broker(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["topics", "create", "--dry-run", "--json", "--partitions", "12"]
    assert run([*words, "--broker", "127.0.0.1:1"]) == Exit.OK
    found = printed(capsys)
    assert [spec["name"] for spec in found] == [spec.name for spec in all_topics(Settings())]
    assert next(spec for spec in found if spec["name"] == "clicks")["partitions"] == 12


def test_no_index_is_said_so_and_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["index", "list", "--index-dir", str(tmp_path)]) == Exit.OK
    assert "rillstream index build" in capsys.readouterr().err


def test_the_doctor_goes_on_after_a_bad_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["doctor", "--json", "--broker", "127.0.0.1:1", "--index-dir", str(tmp_path)]
    assert run(words) == Exit.WORLD_DOWN
    found = {line["subject"]: line for line in printed(capsys)}
    assert found["faiss"]["status"] == "ok"
    assert found["broker"]["status"] == "bad"
    assert "rillstream broker" in str(found["broker"]["way_out"])
    assert "rillstream index build" in str(found["index"]["way_out"])
