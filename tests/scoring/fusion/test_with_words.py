"""An encoder and a model of words and letters answer as one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from scoring.errors import RowsError
from scoring.fusion.model import Member
from scoring.fusion.saved import fuse, load_fused, weights_of
from scoring.saved.answering import predict, validation_rows
from scoring.saved.folder import load_answering
from scoring.tasks.contract import Example
from scoring.training.recipe import read_recipe
from scoring.training.rows import Reading
from scoring.training.run import train
from scoring.words.learning import learn
from tests.scoring.training.shop_rows import shop_recipe, texts, write_jsonl, write_shop

SHARES = (0.6, 0.4)
TASKS = ("colour", "size")


def words_recipe(encoder: str, validation: str = "validation = 0.2") -> str:
    """The same tasks and rows as an encoder's recipe."""
    tasks = encoder[encoder.index("[tasks.") :]
    return ('name = "words"\n[words]\ncolumns = 64\nstrength = 0.1\n' + tasks).replace(
        "validation = 0.2", validation
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    return folder


@pytest.fixture(scope="module")
def models(shop: Path, tiny_bert: Path) -> list[Path]:
    """The encoder has learned little, so that both have something to say."""
    said = shop_recipe(tiny_bert, 1, tasks=TASKS)
    said = said.replace("test = 0.2\n", "test = 0.2\nvalidation = 0.2\n")
    (shop / "encoder.toml").write_text(said)
    train(read_recipe(shop / "encoder.toml"), shop, shop / "encoder", threads=1)
    (shop / "words.toml").write_text(words_recipe(said))
    learn(read_recipe(shop / "words.toml"), shop, shop / "words", Reading())
    return [shop / "encoder", shop / "words"]


def logits(model: Member, task: str, text: str) -> tuple[torch.Tensor, float]:
    """Calibrated logits of one text, and how far it is from being abstained from."""
    head: Any = model.heads[task]
    vector = model.vectors(task, [Example((text,))])[0]
    with torch.no_grad():
        found = (head(vector) / head.temperature)[0]
        above = float(head.nearness(vector) - head.threshold) if task == "colour" else 0.0
    return found, above


def test_the_weighted_mean_is_of_calibrated_chances(
    models: list[Path], shop: Path, tmp_path: Path
) -> None:
    fuse(models, SHARES, tmp_path / "both")
    saved, both = load_fused(tmp_path / "both")
    members = [load_answering(folder)[1] for folder in models]
    asked = [*texts()[:20], "tea for bike", "of the"]
    write_jsonl(tmp_path / "rows.jsonl", [{"text": text} for text in asked])
    abstained = 0
    for row in predict(saved, both, "colour", tmp_path / "rows.jsonl", Reading()):
        said = [logits(member, "colour", row["text"]) for member in members]
        pooled = sum(s * x.log_softmax(0) for s, (x, _) in zip(SHARES, said, strict=True))
        assert isinstance(pooled, torch.Tensor)
        assert row["label"] == ["blue", "green", "red"][int(pooled.argmax())]
        assert row["confidence"] == pytest.approx(float(pooled.softmax(0).max()), abs=1e-4)
        above = sum(s * far for s, (_, far) in zip(SHARES, said, strict=True))
        assert row["abstain"] == (above < 0)
        abstained += row["abstain"]
    assert 0 < abstained < len(asked)
    for row in predict(saved, both, "size", tmp_path / "rows.jsonl", Reading()):
        odds = [float(logits(member, "size", row["text"])[0]) for member in members]
        mean = sum(s * x for s, x in zip(SHARES, odds, strict=True))
        assert row["score"] == pytest.approx(1 / (1 + math.exp(-mean)), abs=1e-4)


def test_rows_give_more_weight_to_who_knows_more(models: list[Path], shop: Path) -> None:
    chosen = weights_of(models, "colour", shop, (), Reading())
    assert sum(chosen) == pytest.approx(1)
    members = [load_answering(folder) for folder in models]
    rows = validation_rows(*members[0], "colour", shop, Reading())
    losses = []
    for _, model in members:
        with torch.no_grad():
            found = model.tasks["colour"].row_losses(
                model.heads["colour"], model.vectors("colour", rows), rows
            )
        losses.append(float(found.mean()))
    assert (chosen[0] < chosen[1]) == (losses[1] < losses[0])


def test_rows_that_one_of_them_has_learned_choose_nothing(
    models: list[Path], shop: Path, tmp_path: Path
) -> None:
    """A model of words that validates on more: what is more, the encoder knows by heart."""
    said = (shop / "words.toml").read_text()
    more = said.replace("validation = 0.2", "validation = 0.6")
    (shop / "more.toml").write_text(more)
    learn(read_recipe(shop / "more.toml"), shop, tmp_path / "more", Reading())
    pair = [models[0], tmp_path / "more"]
    assert (
        weights_of(pair, "colour", shop, (), Reading())
        == weights_of(pair[::-1], "colour", shop, (), Reading())[::-1]
    )
    write_jsonl(shop / "others.jsonl", [{"text": "pink", "label": "red"}])
    (shop / "others.toml").write_text(
        said.replace("validation = 0.2", 'validation = ["others.jsonl"]', 1)
    )
    learn(read_recipe(shop / "others.toml"), shop, tmp_path / "others", Reading())
    with pytest.raises(RowsError, match="no validation row is one of all these models"):
        weights_of([models[0], tmp_path / "others"], "colour", shop, (), Reading())
