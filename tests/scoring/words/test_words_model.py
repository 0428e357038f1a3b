"""Models of words and letters: through the commands, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from scoring.errors import ModelError, RecipeError, RowsError
from scoring.saved.answering import predict
from scoring.saved.described import described
from scoring.saved.folder import load_answering, load_model
from scoring.training.recipe import read_recipe
from scoring.training.rows import Reading
from scoring.training.text_source import TextTasks
from scoring.words.heads import WordClasses
from scoring.words.learning import learn
from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.training.shop_rows import write_jsonl, write_shop

RECIPE = """
name = "by-words"
[words]
columns = 256
strength = 30
[tasks.colour]
type = "classification"
train = ["colours.jsonl"]
test = 0.2
validation = 0.2
[tasks.size]
type = "binary"
train = ["sizes.jsonl"]
test = 0.2
columns = { text = "said", label = "stars" }
yes_from = 4
no_to = 2
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write_shop(tmp_path)
    (tmp_path / "words.toml").write_text(RECIPE)
    return tmp_path


def test_it_is_a_model_for_every_command(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, out = str(shop / "words.toml"), shop / "models" / "words"
    assert run(["train", recipe, "--out", str(out), "--json"]) == 0
    trained = capsys.readouterr().out
    found = {row["task"]: row for row in map(json.loads, trained.splitlines())}
    assert found["colour"]["accuracy"] == 1
    assert found["size"]["auc"] == 1
    assert run(["evaluate", str(out), "--data", str(shop), "--json"]) == 0
    assert capsys.readouterr().out == trained
    write_jsonl(shop / "ask.jsonl", [{"text": "a big red mug"}, {"text": "the small green tea"}])
    answers = []
    for task in ("colour", "size"):
        assert run(["predict", str(out), task, "--input", str(shop / "ask.jsonl")]) == 0
        answers += [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["label"] for row in answers[:2]] == ["red", "green"]
    assert answers[2]["score"] > 0.9 > 0.1 > answers[3]["score"]
    assert run(["models", "list", str(out.parent), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["ancestor"] is None
    assert listed["version"] == described(out).version
    assert described(out).weights == ("heads/heads.safetensors",)
    assert run(["models", "card", str(out)]) == 0
    assert "no encoder" in capsys.readouterr().out
    assert {file.name for file in out.rglob("*.*")} == {
        "heads.json",
        "heads.safetensors",
        "README.md",
    }


def test_a_text_of_nothing_known_is_abstained_from(shop: Path) -> None:
    learn(read_recipe(shop / "words.toml"), shop, shop / "words", Reading())
    write_jsonl(shop / "ask.jsonl", [{"text": "a big red mug"}, {"text": "qqq zzz"}])
    saved, model = load_answering(shop / "words")
    known, unknown = predict(saved, model, "colour", shop / "ask.jsonl", Reading())
    assert not known["abstain"]
    assert unknown["abstain"]


def test_the_nearest_is_the_likeliest_label() -> None:
    """As a probability: logits that are all higher say nothing more."""
    logits = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]).log() + 7
    found = WordClasses(2, 3).nearness(logits)
    torch.testing.assert_close(found, torch.tensor([0.5, 0.8]))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[words]", "fgm = 0.1\n[words]", "no use for fgm"),
        ("[words]", "[backbone]\nmax_tokens = 8\n[words]", "no use for backbone"),
        ("[words]", "[training]\nepochs = 3\nseed = 1\n[words]", "no use for epochs: leave"),
        ("validation = 0.2", "contrast = 0.3", "no use for contrast"),
        ('"binary"', '"relevance"', "classification or binary; size is relevance"),
        ("columns = 256", "columns = 1", ">= 2"),
    ],
)
def test_what_only_an_encoder_has_is_refused(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    text = RECIPE.replace(before, after, 1)
    if "relevance" in said:
        text = text[: text.index("yes_from")]
    (tmp_path / "words.toml").write_text(text)
    with pytest.raises(RecipeError, match=said):
        read_recipe(tmp_path / "words.toml")


def test_a_seed_is_taken_for_the_choice_of_few_rows(shop: Path) -> None:
    few = RECIPE.replace("validation = 0.2", "validation = 0.2\nper_class = 5")
    (shop / "words.toml").write_text(few)
    versions = []
    for name, seed in (("first", "1"), ("again", "1"), ("other", "2")):
        words = ["train", str(shop / "words.toml"), "--out", str(shop / name), "--seed", seed]
        assert run(words) == Exit.OK
        versions.append(described(shop / name).version)
    assert versions[0] == versions[1] != versions[2]


def test_rows_that_cannot_be_told_apart_or_calibrated_on_are_refused(shop: Path) -> None:
    recipe = read_recipe(shop / "words.toml")
    write_jsonl(shop / "colours.jsonl", [{"text": f"red {n}", "label": "red"} for n in range(50)])
    with pytest.raises(RowsError, match="rows of colour have one label"):
        learn(recipe, shop, shop / "out", Reading())
    write_shop(shop)
    (shop / "words.toml").write_text(RECIPE.replace("validation = 0.2", "validation = 0"))
    with pytest.raises(RowsError, match="colour has no validation rows"):
        learn(read_recipe(shop / "words.toml"), shop, shop / "out", Reading())
    assert not (shop / "out").exists()


@pytest.mark.parametrize("option", [["--twins"], ["--restart"], ["--tensorboard", "runs"]])
def test_options_of_a_training_in_steps_are_wrong_arguments(
    shop: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(shop / "words.toml"), "--out", str(shop / "out"), *option]
    assert run(words) == Exit.USAGE
    assert f"{option[0]} means nothing for" in capsys.readouterr().err
    assert not (shop / "out").exists()


def test_what_needs_steps_or_an_encoder_is_refused(shop: Path) -> None:
    recipe = read_recipe(shop / "words.toml")
    with pytest.raises(RecipeError, match="fitted at once"):
        TextTasks(recipe, shop, Reading()).joint()
    learn(recipe, shop, shop / "words", Reading())
    with pytest.raises(ModelError, match="has no encoder: it is fused"):
        load_model(shop / "words")


def test_damaged_weights_are_refused(shop: Path) -> None:
    saved = learn(read_recipe(shop / "words.toml"), shop, shop / "words", Reading())
    said = (saved.folder / "heads" / "heads.json").read_text()
    (saved.folder / "heads" / "heads.json").write_text(said.replace(": 256", ": 128"))
    with pytest.raises(ModelError, match="is damaged"):
        load_answering(saved.folder)
