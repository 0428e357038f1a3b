"""`rillstream policy learn`: from a recipe, from a log, and what cannot be learned from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.joined_log_file import write_joined_log
from scoring.policy_file import read_numbers
from scoring.ranker.heads import Heads
from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.reinforcement.bait_shop import bait_log

RECIPE = """
kind = "slate-policy"
name = "tiny"
simulators = ["cascading"]
items = 40
candidates = 8
[learning]
slate_size = 3
rounds = 2
users = 8
visits = 3
"""


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_recipe_makes_heads_and_the_numbers_to_draw_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE)
    words = ["policy", "learn", str(tmp_path / "tiny.toml"), "--json", "--out"]
    assert run([*words, str(tmp_path / "a")]) == Exit.OK
    row, last = printed(capsys)
    assert row["simulator"] == "cascading"
    assert row["gain_low"] <= row["after"] - row["before"] <= row["gain_high"]
    heads = Heads.from_bytes((tmp_path / "a" / "heads.safetensors").read_bytes())
    assert (heads.version, heads.tasks) == (last["heads_version"], ("value",))
    assert read_numbers(tmp_path / "a" / "policy.toml")["draw"] == "softmax"
    assert run([*words, str(tmp_path / "b")]) == Exit.OK
    assert printed(capsys)[-1]["heads_version"] == heads.version  # the same seed again
    assert run([*words, str(tmp_path / "c"), "--seed", "1"]) == Exit.OK
    assert printed(capsys)[-1]["heads_version"] != heads.version
    (tmp_path / "tiny.toml").write_text(f"{RECIPE}stretch = 1.0\n")
    assert run([*words, str(tmp_path / "d")]) == Exit.OK
    as_trained, _ = printed(capsys)
    assert as_trained["before"] == row["before"]
    assert as_trained["after"] != row["after"]


def test_a_log_makes_heads_of_its_own_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = bait_log(60)
    write_joined_log(log, tmp_path / "log.jsonl")
    words = ["policy", "learn", str(tmp_path / "log.jsonl"), "--out", str(tmp_path / "m"), "--json"]
    assert run(words) == Exit.OK
    row, _ = printed(capsys)
    assert row["lists"] == len(log) / 2
    assert row["simulated"] is True
    assert 0 < row["effective"] <= 1
    heads = Heads.from_bytes((tmp_path / "m" / "heads.safetensors").read_bytes())
    assert heads.features == log.feature_names


def test_what_cannot_be_learned_from_is_one_line_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text('kind = "slate-policy"\n[learning]\ndiscuont = 1.0\n')
    assert run(["policy", "learn", str(tmp_path / "bad.toml")]) == Exit.BAD_INPUT
    assert "do you mean `discount`" in capsys.readouterr().err
    log = bait_log(5)
    write_joined_log(replace(log, propensity=np.ones(len(log))), tmp_path / "best.jsonl")
    assert run(["policy", "learn", str(tmp_path / "best.jsonl")]) == Exit.BAD_INPUT
    assert "RILLSTREAM_DRAW=softmax" in capsys.readouterr().err


def test_heads_of_other_columns_are_not_put_into_a_ranker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_joined_log(bait_log(20), tmp_path / "log.jsonl")
    words = ["policy", "learn", str(tmp_path / "log.jsonl"), "--ranker", str(tmp_path)]
    assert run([*words, "--out", str(tmp_path / "m")]) == Exit.BAD_INPUT
    assert not (tmp_path / "m").exists()
    capsys.readouterr()
