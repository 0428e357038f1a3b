"""`rillstream train`, `evaluate` and `predict` for related items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.main import app

RUNNER = CliRunner()


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Six users of three pairs."""
    rows = [
        {"user_id": f"u{user}", "item_id": f"{(user + step) % 3}{half}", "at_ms": step}
        for user in range(6)
        for step in range(2)
        for half in "ab"
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    file = tmp_path / "pairs.toml"
    file.write_text('kind = "related-items"\nname = "pairs"\nevents = ["events.jsonl"]\n', "utf-8")
    return file


def test_a_table_is_trained_measured_and_asked(recipe: Path) -> None:
    model = recipe.parent / "model"
    done = RUNNER.invoke(app, ["train", str(recipe), "--out", str(model), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["task"] == "related-items"
    done = RUNNER.invoke(app, ["evaluate", str(model), "--data", str(recipe.parent), "--json"])
    assert json.loads(done.stdout)["hr@10"] > 0
    asked = recipe.parent / "asked.jsonl"
    asked.write_text('{"item_id": "1a"}\n', "utf-8")
    done = RUNNER.invoke(app, ["predict", str(model), "related-items", "--input", str(asked)])
    assert json.loads(done.stdout)["items"][0]["item_id"] == "1b"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "{recipe}", "--twins"], "no twins"),
        (["predict", "{model}", "intent", "--input", "x.jsonl"], "it answers related-items"),
        (["evaluate", "{model}", "--input", "x.jsonl"], "use --data"),
    ],
    ids=["twins", "another task", "other rows"],
)
def test_what_it_cannot_do_is_said(recipe: Path, words: list[str], said: str) -> None:
    model = recipe.parent / "model"
    RUNNER.invoke(app, ["train", str(recipe), "--out", str(model)])
    filled = [word.format(recipe=recipe, model=model) for word in words]
    done = RUNNER.invoke(app, filled)
    assert done.exit_code != 0
    assert said in str(done.exception) + done.output


def test_a_kind_that_there_is_not_is_said_with_those_that_there_are(recipe: Path) -> None:
    recipe.write_text('kind = "related"\nname = "x"\n', "utf-8")
    done = RUNNER.invoke(app, ["train", str(recipe)])
    assert done.exit_code != 0
    assert "next-item, behaviour, ranker, related-items" in str(done.exception) + done.output
