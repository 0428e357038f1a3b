"""The model that comes along: small, whole, licensed, and of use without a network."""

from __future__ import annotations

import fnmatch
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scoring.encoder import identify
from scoring.folder import named_folder
from scoring.heads.cosine_classes import CosineClasses
from scoring.language.text_model import TextModel
from scoring.saved.folder import load_model, read_saved
from scoring.tasks.contract import Example
from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.training.shop_rows import write_jsonl

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scoring" / "default"


@pytest.fixture(scope="module")
def default() -> TextModel:
    return load_model(Path("default"))[1]


def answers(model: TextModel, task: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    rows = [Example((text,)) for text in texts]
    return model.tasks[task].answers(model.heads[task], model.vectors(task, rows))


def test_a_review_is_judged_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = ["I love it, it fits perfectly", "Terrible quality, it fell apart, I returned it"]
    write_jsonl(tmp_path / "ask.jsonl", [{"text": text} for text in texts])
    assert run(["predict", "default", "sentiment", "--input", "ask.jsonl"]) == Exit.OK
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert good["text"] == texts[0]
    assert good["score"] > 0.8 > 0.5 > bad["score"]


def test_searches_and_questions_get_their_intent(default: TextModel) -> None:
    searches = ["coupon for candles", "return policy", "new arrivals", "glass vases"]
    assert [row["label"] for row in answers(default, "search_intent", searches)] == [
        "discounts",
        "service",
        "new_arrivals",
        "category",
    ]
    asked = ["The machine swallowed my card", "I forgot my passcode"]
    assert [row["label"] for row in answers(default, "customer_intent", asked)] == [
        "card_swallowed",
        "passcode_forgotten",
    ]


def test_what_is_no_search_is_farther_from_all_intents(default: TextModel) -> None:
    head = default.heads["search_intent"]
    assert isinstance(head, CosineClasses)
    searches = ["cheap wooden clock", "new cushion covers", "track my order", "red glass vase"]
    others = ["what is the capital of france", "the integral of x squared", "she sang all night"]
    near, far = (
        head.nearness(default.vectors("search_intent", [Example((text,)) for text in texts])[0])
        for texts in (searches, others)
    )
    assert near.mean() > far.mean()


def test_a_few_megabytes_are_installed_with_the_package() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert 0 < sum(file.stat().st_size for file in files) < 5e6
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    for file in files:
        assert any(fnmatch.fnmatch(file.name, pattern) for pattern in patterns), file.name


def test_it_is_an_update_of_the_encoder_that_comes_along() -> None:
    saved = read_saved(Path("default"))
    assert saved.folder == FOLDER
    assert saved.ancestor == identify(None)[0]
    assert identify("default") != identify(None)


def test_its_card_names_every_source_with_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "card", "default"]) == Exit.OK
    card = capsys.readouterr().out
    for source in ("Online Retail", "WANDS", "BANKING77", "Clothing Reviews"):
        line = next(line for line in card.splitlines() if line.startswith("- ") and source in line)
        assert any(licence in line for licence in ("CC BY 4.0", "MIT", "CC0")), line
    assert "/tmp" not in card
    for measures in read_saved(Path("default")).metrics.values():
        assert all(f"{value:.4f}" in card for value in measures.values())


def test_a_folder_of_that_name_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert named_folder("default") == FOLDER
    (tmp_path / "default").mkdir()
    assert named_folder("default") == Path("default")
