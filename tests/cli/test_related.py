"""`rillstream train`, `evaluate` and `predict` for related items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.exits import Exit
from streams.cli.main import app, run

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


TOWER = """
kind = "next-item"
name = "next"
events = ["events.jsonl"]
[tower]
space = "own"
width = 8
n_heads = 2
[training]
epochs = 1
"""


@pytest.mark.parametrize(
    ("kind", "more"), [("related-items", ""), ("next-item", "[tower]\nwidth = 8")]
)
def test_what_is_asked_about_has_the_columns_of_the_recipe_or_the_documented_ones(
    recipe: Path, kind: str, more: str
) -> None:
    events = recipe.parent / "events.jsonl"
    documented = events.read_text("utf-8")
    events.write_text(documented.replace("user_id", "who").replace("item_id", "sku"), "utf-8")
    (recipe.parent / "documented.jsonl").write_text(documented, "utf-8")
    recipe.write_text(
        f'kind = "{kind}"\nname = "own"\nevents = ["events.jsonl"]\n'
        f'columns = {{ user_id = "who", item_id = "sku" }}\n{more}\n',
        "utf-8",
    )
    model = recipe.parent / "model"
    done = RUNNER.invoke(app, ["train", str(recipe), "--out", str(model)])
    assert done.exit_code == 0, done.output
    said = []
    for file in (events, recipe.parent / "documented.jsonl"):
        done = RUNNER.invoke(app, ["predict", str(model), kind, "--input", str(file)])
        assert done.exit_code == 0, done.output + str(done.exception)
        said.append(done.stdout)
    assert said[0] == said[1] != ""


def test_models_of_events_are_listed_and_compared_like_others(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`models list` passed tables and sequence towers over, and `models diff` refused them."""
    models, tower = recipe.parent / "models", recipe.parent / "next.toml"
    tower.write_text(TOWER, "utf-8")
    for config, name in ((recipe, "pairs"), (recipe, "again"), (tower, "next")):
        done = RUNNER.invoke(app, ["train", str(config), "--out", str(models / name)])
        assert done.exit_code == 0, done.output + str(done.exception)
    done = RUNNER.invoke(app, ["models", "list", str(models), "--json"])
    found = {Path(row["model"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert found["pairs"]["metrics"]["related-items"]["hr@10"] > 0
    assert set(found["next"]["metrics"]) == {"next-item"}
    assert found["pairs"]["version"] == found["again"]["version"] != found["next"]["version"]
    words = ["models", "diff", str(models / "pairs")]
    assert RUNNER.invoke(app, [*words, str(models / "again"), "--json"]).stdout == ""
    done = RUNNER.invoke(app, [*words, str(models / "next"), "--json"])
    assert "recipe.kind" in {json.loads(line)["name"] for line in done.stdout.splitlines()}
    (models / "next" / "model.safetensors").unlink()
    capsys.readouterr()
    assert run(["models", "list", str(models)]) == Exit.OK
    said = capsys.readouterr()
    assert "pairs" in said.out
    assert "model.safetensors: train it again" in said.err, "one that is damaged hides no other"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "{model}", "intent", "--input", "{rows}"], "it answers related-items"),
        (["evaluate", "{model}", "--input", "{rows}"], "use --data"),
    ],
    ids=["another task", "other rows"],
)
def test_what_it_cannot_do_is_said(recipe: Path, words: list[str], said: str) -> None:
    model = recipe.parent / "model"
    RUNNER.invoke(app, ["train", str(recipe), "--out", str(model)])
    filled = [
        word.format(recipe=recipe, model=model, rows=recipe.parent / "events.jsonl")
        for word in words
    ]
    done = RUNNER.invoke(app, filled)
    assert done.exit_code != 0
    assert said in str(done.exception) + done.output


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("related-items", ["--twins"]),
        ("related-items", ["--seed", "0"]),
        ("related-items", ["--restart"]),
        ("related-items", ["--tensorboard", "runs"]),
        ("next-item", ["--twins"]),
        ("ranker", ["--twins"]),
        ("ranker", ["--tensorboard", "runs"]),
    ],
)
def test_options_that_mean_nothing_for_a_recipe_are_wrong_arguments(
    recipe: Path, kind: str, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    items = 'items = "items.jsonl"\n' if kind == "ranker" else ""
    recipe.write_text(f'kind = "{kind}"\nname = "x"\nevents = ["events.jsonl"]\n{items}', "utf-8")
    model = recipe.parent / "model"
    assert run(["train", str(recipe), "--out", str(model), *option]) == Exit.USAGE
    assert f"{option[0]} means nothing for {recipe}" in capsys.readouterr().err
    assert not model.exists()


def test_a_kind_that_there_is_not_is_said_with_those_that_there_are(recipe: Path) -> None:
    recipe.write_text('kind = "related"\nname = "x"\n', "utf-8")
    done = RUNNER.invoke(app, ["train", str(recipe)])
    assert done.exit_code != 0
    assert "next-item, behaviour, ranker, related-items" in str(done.exception) + done.output
