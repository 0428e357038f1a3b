"""`rillstream experiment check` and `report`: from files, and from topics."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scoring.experiments.experiment import read_experiment
from scoring.ranker.named import RankerFile
from streams.brokers.embedded import EmbeddedBroker
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.kafka_config import producer_config
from streams.records import encode
from streams.settings import Settings
from tests.streams.experiments.test_tally import a_list, did

TEXT = """
name = "x"
[[variants]]
name = "a"
share = 0.5
[[variants]]
name = "b"
share = 0.5
policy = { weight_repeat = 2.5 }
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    """200 users, each under the variant of the file; b's buy three times, a's once or twice."""
    file = tmp_path / "experiment.toml"
    file.write_text(TEXT)
    experiment = read_experiment(file)
    lists, events = [], []
    for number in range(200):
        user = f"u{number}"
        arm = experiment.variant_of(user)
        assert arm is not None
        lists.append(a_list(number, user, arm.name, 100))
        n_bought = 3 if arm.name == "b" else 1 + number % 2
        events += [did(10 * number + n, user, "purchase", 200 + n) for n in range(n_bought)]
    paths = tmp_path / "lists.jsonl", tmp_path / "clicks.jsonl"
    for path, records in zip(paths, (lists, events), strict=True):
        path.write_bytes(b"".join(encode(each) + b"\n" for each in records))  # type: ignore[attr-defined]
    return str(file), str(paths[0]), str(paths[1])


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_report_from_files_and_the_same_from_topics(
    files: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, lists, events = files
    asked = ["experiment", "report", file, "--json"]
    assert run([*asked, "--lists", lists, "--events", events]) == Exit.OK
    ratio, *rows = found = printed(capsys)
    assert sum(ratio["users"].values()) == 200
    assert not ratio["sample_ratio_mismatch"]
    bought = [row for row in rows if row["measure"] == "purchases a user"]
    assert [row["variant"] for row in bought] == ["a", "b"]
    assert bought[1]["value"] == 3
    assert bought[1]["verdict"] == "higher"
    clicks = next(row for row in rows if row["measure"] == "clicks a user" and "verdict" in row)
    assert clicks["verdict"] == "not enough evidence"

    from confluent_kafka import Producer

    with EmbeddedBroker() as broker:
        producer = Producer(producer_config(Settings(bootstrap_servers=broker.bootstrap)))
        for topic, path in (("recommendations", lists), ("clicks", events)):
            for line in Path(path).read_bytes().splitlines():
                producer.produce(topic, line, json.loads(line)["user_id"])
        producer.produce("clicks", b"{", b"u1")
        assert producer.flush(20) == 0
        assert run([*asked, "--broker", broker.bootstrap]) == Exit.OK
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == found
    assert "1 messages could not be read" in err


def test_a_variant_whose_users_are_lost_is_shouted_about(
    files: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, lists, events = files
    kept = [
        line
        for line in Path(lists).read_text().splitlines()
        if '"variant":"a"' in line or "7" in line
    ]
    Path(lists).write_text("\n".join(kept) + "\n")
    assert run(["experiment", "report", file, "--lists", lists, "--events", events]) == Exit.OK
    out = capsys.readouterr().out
    assert "SAMPLE RATIO MISMATCH" in out
    assert "not to be trusted" in out
    assert "higher" not in out


def test_figures_that_nobody_has_are_none(
    files: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the first list, or of lists of another experiment."""
    file, lists, events = files
    Path(lists).write_text("")
    assert run(["experiment", "report", file, "--lists", lists, "--events", events]) == Exit.OK
    out = capsys.readouterr().out
    assert "none" in out
    assert "nan" not in out


def test_check_says_what_each_arm_is_and_what_a_user_gets(
    files: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["experiment", "check", files[0], "--user", "ann", "--json"]) == Exit.OK
    (found,) = printed(capsys)
    a, b = found["arms"]
    assert (b["share"], b["numbers"]) == (0.5, {"weight_repeat": 2.5})
    assert a["policy_version"] != b["policy_version"]
    arm = read_experiment(Path(files[0])).variant_of("ann")
    assert arm is not None
    assert found["users"]["ann"]["variant"] == arm.name


def test_check_says_rankers_and_beliefs_as_policy_files_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ranker = RankerFile(format=2, version="r", heads_version="h", item_ids=[])
    (tmp_path / "ranker.json").write_bytes(msgspec.json.encode(ranker))
    beliefs = "{ mean = [1.0, 2.0], precision = [[2.0, 0.0], [0.0, 2.0]] }"
    file = tmp_path / "experiment.toml"
    file.write_text(TEXT.replace("weight_repeat = 2.5", f'ranker = ".", beliefs = {beliefs}'))
    assert run(["experiment", "check", str(file), "--json"]) == Exit.OK
    said = printed(capsys)[0]["arms"][1]["numbers"]
    assert said["ranker"] == str(tmp_path)
    assert said["beliefs"] == {"mean": [1.0, 2.0], "precision": [[2.0, 0.0], [0.0, 2.0]]}
    assert run(["experiment", "check", str(file)]) == Exit.OK
    assert f"ranker = {tmp_path}, beliefs = 2 weights" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--lists", "{lists}"], Exit.USAGE, "go together"),
        (["--lists", "{clicks}", "--events", "{clicks}"], Exit.BAD_INPUT, "clicks.jsonl:1"),
        (["--lists", "nowhere", "--events", "{clicks}"], Exit.BAD_INPUT, "nowhere"),
    ],
)
def test_what_cannot_be_reported_is_said(
    files: tuple[str, str, str],
    more: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.format(lists=files[1], clicks=files[2]) for word in more]
    assert run(["experiment", "report", files[0], *words]) == code
    assert said in capsys.readouterr().err
