"""`rillstream policy believe`: what it writes, says and refuses, and that it can be promoted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from scoring.offpolicy.logged_lists import LoggedLists
from scoring.policy import SUM_TERMS
from scoring.policy_file import read_numbers
from scoring.slates.evidence import Evidence
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.decision_record import DecisionRecord
from streams.records import encode
from tests.cli.joined_rows import joined_rows
from tests.scoring.offpolicy.thompson_log import TRUTH, thompson_log


def write_log(folder: Path, lists: LoggedLists, records: Sequence[Evidence]) -> list[str]:
    """Files of a log, and the words that name them."""
    folder.mkdir()
    rows = "".join(json.dumps(row) + "\n" for row in joined_rows(lists))
    (folder / "log.jsonl").write_text(rows)
    with (folder / "decisions.jsonl").open("wb") as file:
        for each in records:
            record = DecisionRecord.of(each, rules={}, user_id="u", at_ms=100)
            file.write(encode(record) + b"\n")
    return [str(folder / "log.jsonl"), "--decisions", str(folder / "decisions.jsonl")]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write_log(tmp_path_factory.mktemp("logs") / "one", *thompson_log(900, 0))


def test_the_weights_of_a_log_become_a_policy_that_a_later_log_can_promote(
    log: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "believed.toml"
    words = ["policy", "believe", *log, "--deviation", "1", "--out", str(file)]
    assert run([*words, "--json"]) == Exit.OK
    said = json.loads(capsys.readouterr().out)
    assert (said["lists"], said["users"], said["excluded"]) == (900, 450, {})
    assert tuple(said["weights"]) == tuple(said["deviations"]) == SUM_TERMS
    weights = np.array([*said["weights"].values()])
    assert np.abs(weights - TRUTH).max() < 4 * max(said["deviations"].values())
    numbers = read_numbers(file)
    assert numbers["draw"] == "thompson"
    assert numbers["beliefs"].mean == tuple(weights)
    assert "short_term, long_term" in file.read_text()

    newer = write_log(tmp_path / "newer", *thompson_log(900, 1))
    place = tmp_path / "policy.toml"
    promotion = ["policy", "promote", str(file), "--log", *newer, "--into", str(place)]
    assert run(promotion) == Exit.OK, capsys.readouterr().out
    assert read_numbers(place)["beliefs"] == numbers["beliefs"]


def test_the_table_says_each_weight(log: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "believe", *log, "--deviation", "1"]) == Exit.OK
    out = capsys.readouterr().out
    assert "900 lists of 450 users" in out
    for name in SUM_TERMS:
        assert name in out
    assert "1 ± 2" in out


def test_ranks_count_as_the_setting_says(
    log: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["policy", "believe", *log, "--json"]
    slopes = []
    for looked in ("[]", "[1, 0.5]"):
        monkeypatch.setenv("RILLSTREAM_LEARN_LOOKED", looked)
        assert run(words) == Exit.OK
        slopes.append(json.loads(capsys.readouterr().out)["slope"])
    assert slopes[1] < 0.8 * slopes[0], "what stands low has been clicked twice as often as it was"


def test_a_log_that_cannot_tell_leaves_no_file(
    log: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists, records = thompson_log(30, 2, slope=0.0)
    few = write_log(tmp_path / "few", lists, records)
    file = tmp_path / "believed.toml"
    assert run(["policy", "believe", *few, "--out", str(file)]) == Exit.BAD_INPUT
    assert "too few lists to tell" in capsys.readouterr().err
    assert not file.exists()
    assert run(["policy", "believe", *log, "--deviation", "0"]) == Exit.USAGE
