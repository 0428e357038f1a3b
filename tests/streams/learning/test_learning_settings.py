"""What a learner begins with, and what it refuses to begin without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring.errors import OnlineError, RowsError
from scoring.joined_log_file import write_joined_log
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.learning.answered_log import log_of
from streams.learning.join import AnsweredList
from streams.learning.shown_list import ShownList
from streams.learning.worker import learning_of
from streams.settings import load_settings
from streams.topics import all_topics
from tests.streams.learning.shop_stream import BASE


def test_replay_begins_with_an_export_and_heads_with_a_ranker(tmp_path: Path) -> None:
    (tmp_path / "heads.safetensors").write_bytes(BASE.to_bytes())
    made = ShownList(
        recommendation_id="l",
        user_id="u",
        at_ms=1,
        shown_items=("a", "b"),
        shown_propensities=(1.0, 1.0),
        shown_features=((1.0, 2.0, 3.0, 4.0),) * 2,
    ).made()
    log = log_of([AnsweredList(made, frozenset(["a"]), {}, 2)], BASE.features)
    write_joined_log(log, tmp_path / "past.parquet")
    settings = load_settings(
        ranker=tmp_path, publish_decisions=True, learn_past=tmp_path / "past.parquet"
    )
    learning = learning_of(settings)
    assert learning.base.version == BASE.version
    assert learning.past is not None
    np.testing.assert_array_equal(learning.past.features, [[1, 2, 3, 4]])
    other = replace(log, feature_names=("a", "b", "c", "d"))
    write_joined_log(other, tmp_path / "past.parquet")
    with pytest.raises(OnlineError, match="they are others"):
        learning_of(settings)


def test_a_bad_row_of_the_past_is_named_and_no_option_that_learn_lacks(tmp_path: Path) -> None:
    (tmp_path / "heads.safetensors").write_bytes(BASE.to_bytes())
    (tmp_path / "past.jsonl").write_text('{"recommendation_id": "l"}\n')
    settings = load_settings(
        ranker=tmp_path, publish_decisions=True, learn_past=tmp_path / "past.jsonl"
    )
    with pytest.raises(RowsError, match=r"past\.jsonl:1: .*row of RILLSTREAM_LEARN_PAST") as said:
        learning_of(settings)
    assert "--skip-bad" not in str(said.value)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "--ranker or RILLSTREAM_RANKER"),
        ({"RANKER": "nowhere"}, "set RILLSTREAM_PUBLISH_DECISIONS=true"),
        ({"RANKER": "nowhere", "PUBLISH_DECISIONS": "true"}, "nowhere has no heads"),
    ],
)
def test_what_is_missing_is_said_in_a_line_with_the_way_out(
    variables: dict[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nowhere").mkdir()
    for name, value in variables.items():
        monkeypatch.setenv(f"RILLSTREAM_{name}", value)
    assert run(["learn"]) == Exit.FATAL
    assert said in capsys.readouterr().err


def test_topics_of_learning_are_made_once_decisions_are_published() -> None:
    with_, without = (
        {spec.name for spec in all_topics(load_settings(publish_decisions=on))}
        for on in (True, False)
    )
    assert with_ - without == {
        "model-versions",
        "rillstream-learner-rows-changelog",
        "decisions.dlq",
        "impressions.dlq",
    }
