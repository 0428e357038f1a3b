"""`rillstream export`: what lies on the topics, joined, as files that training reads."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from scoring.joined_log_file import read_joined_log
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import features_version
from streams.brokers.embedded import EmbeddedBroker
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.errors import BrokerUnavailableError
from streams.events import Click, Impression
from streams.kafka_config import producer_config
from streams.learning import export as exporting
from streams.learning import to_the_end
from streams.learning.shown_list import ShownList
from streams.learning.timing import Timing
from streams.records import Record, encode
from streams.settings import Settings, load_settings
from streams.topics import create_topics

DAY_MS = 24 * 3600 * 1000
FIRST_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z


def put(settings: Settings, kind: str, user: str, *records: Record | bytes) -> None:
    producer = Producer(producer_config(settings))
    for record in records:
        value = record if isinstance(record, bytes) else encode(record)
        producer.produce(settings.topic(kind), value, user.encode())  # type: ignore[arg-type]
    assert producer.flush(20) == 0


def fill(settings: Settings, first_ms: int = FIRST_MS) -> None:
    """A list a day of two users; the ranker made all but the last."""
    for number, user in enumerate(["ann", "bob", "ann", "bob"]):
        at_ms, name = first_ms + number * DAY_MS, f"l{number}"
        made = ShownList(
            recommendation_id=name,
            user_id=user,
            at_ms=at_ms,
            shown_items=("mug", "cup"),
            shown_propensities=(0.5, 0.25),
            shown_features=() if number == 3 else ((float(number),) * len(FEATURES),) * 2,
            features_version=None if number == 3 else features_version(FEATURES),
            policy_version="p1",
            simulated=True,
        )
        shown = Impression(
            recommendation_id=name, user_id=user, at_ms=at_ms + 5, item_ids=("mug", "cup")
        )
        click = Click(event_id=name, user_id=user, type="view", item_id="cup", at_ms=at_ms + 9)
        put(settings, "decisions", user, made, b"no JSON")
        put(settings, "impressions", user, shown)
        put(settings, "clicks", user, click)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_lists_come_back_with_their_answers_and_the_features_of_then(
    embedded: Settings,
    suffix: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RILLSTREAM_BOOTSTRAP_SERVERS", embedded.bootstrap_servers)
    create_topics(embedded)
    fill(embedded)
    words = ["export", "--out", "logs", "--format", suffix, "--since", "2023-11-15", "--json"]
    words.append("--with-decisions")
    assert run(words) == Exit.OK
    said = json.loads(capsys.readouterr().out)
    files = {"logs/decisions.jsonl": 3, f"logs/joined.{suffix}": 4, f"logs/plain.{suffix}": 2}
    assert said["rows"] == files
    records = [json.loads(line) for line in Path("logs/decisions.jsonl").read_text().splitlines()]
    assert sorted(record["recommendation_id"] for record in records) == ["l1", "l2", "l3"]
    assert said["records"] == {"lists": 4, "unreadable": 4}
    log = read_joined_log([Path(f"logs/joined.{suffix}")])
    assert log.recommendation_id.tolist() == ["l1", "l1", "l2", "l2"], "l0 is older"
    assert log.user_id.tolist() == ["bob", "bob", "ann", "ann"]
    assert log.clicked.tolist() == [False, True] * 2
    assert log.feature_names == FEATURES
    np.testing.assert_array_equal(log.features[:, 0], [1, 1, 2, 2])
    assert set(log.policy_version) == {"p1"}
    assert log.simulated.all()
    assert read_joined_log([Path(f"logs/plain.{suffix}")]).feature_names == ()


def test_lists_that_are_open_still_are_said_with_the_way_to_close_them(
    embedded: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RILLSTREAM_BOOTSTRAP_SERVERS", embedded.bootstrap_servers)
    create_topics(embedded)
    fill(embedded, time.time_ns() // 1_000_000 - 3 * DAY_MS)  # the newest list is of now
    assert run(["export", "--out", "logs", "--with-decisions", "--window", "604800"]) == Exit.OK
    out, err = capsys.readouterr()
    assert "no list has been shown and closed" in out
    assert "decisions.jsonl: 4 rows" in out
    assert "open 4" in err
    assert "closed 10080 min after their first impression: see --window" in err


def test_no_file_of_an_earlier_export_is_left_beside_those_of_this_one(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists without features were exported once; now there are none, and another format."""
    monkeypatch.setenv("RILLSTREAM_BOOTSTRAP_SERVERS", embedded.bootstrap_servers)
    create_topics(embedded)
    fill(embedded)
    words = ["export", "--out", "logs", "--format"]
    assert run([*words, "jsonl", "--with-decisions"]) == Exit.OK
    Path("logs/notes.txt").write_text("mine")
    written = {"decisions.jsonl", "joined.jsonl", "plain.jsonl", "notes.txt"}
    assert {file.name for file in Path("logs").iterdir()} == written
    assert run([*words, "parquet", "--since", "2030-01-01"]) == Exit.OK
    assert {file.name for file in Path("logs").iterdir()} == {"notes.txt"}


def test_a_broker_that_goes_away_in_the_middle_ends_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the export before stay as they were."""
    monkeypatch.chdir(tmp_path)
    earlier = tmp_path / "logs" / "decisions.jsonl"
    earlier.parent.mkdir()
    earlier.write_text("earlier")
    monkeypatch.setattr(to_the_end, "SILENCE_S", 0.5)
    starts = to_the_end._starts
    with EmbeddedBroker() as broker:
        settings = load_settings(bootstrap_servers=broker.bootstrap)
        create_topics(settings)
        fill(settings)

        def last_answer(*asked: Any) -> Any:
            found = starts(*asked)
            broker.stop()
            return found

        monkeypatch.setattr(to_the_end, "_starts", last_answer)
        with pytest.raises(BrokerUnavailableError, match="was silent for"):
            exporting.export(
                settings,
                Timing.of(settings),
                Path("logs"),
                suffix=".jsonl",
                since_ms=0,
                names={},
                progress=lambda *_: None,
                decisions=True,
            )
    assert list(earlier.parent.iterdir()) == [earlier]
    assert earlier.read_text() == "earlier"
