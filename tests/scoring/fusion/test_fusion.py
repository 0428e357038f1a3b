"""Several models answer as one: against the formula, row by row, and through the commands."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from scoring.errors import ModelError, RowsError
from scoring.fusion.saved import fuse, is_fused, load_fused, weights_of
from scoring.saved.answering import predict, validation_rows
from scoring.saved.described import described
from scoring.saved.folder import load_model, read_saved
from scoring.tasks.contract import Example
from scoring.training.recipe import read_recipe
from scoring.training.rows import Reading
from scoring.training.run import train
from streams.cli.main import run
from tests.scoring.conftest import save_bert
from tests.scoring.training.shop_rows import shop_recipe, texts, write_jsonl, write_shop

SHARES = (0.25, 0.75)
ASKED: dict[str, list[dict[str, str]]] = {
    "colour": [{"text": text} for text in texts()[:20]],
    "size": [{"text": text} for text in texts()[:20]],
    "relevance": [{"query": "red mug", "title": text} for text in texts()[:20]],
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    return folder


@pytest.fixture(scope="module")
def models(shop: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of two encoders with vectors of other widths; the second has learned more."""
    folder = tmp_path_factory.mktemp("models")
    made = []
    for name, encoder, epochs in (
        ("hasty", tiny_bert, 1),
        ("patient", save_bert(folder / "wide", dim=32, seed=3), 4),
    ):
        file = shop / f"{name}.toml"
        recipe = shop_recipe(encoder, epochs, tasks=list(ASKED)).replace(
            'name = "shop"', f'name = "{name}"'
        )
        file.write_text(recipe.replace("test = 0.2\n", "test = 0.2\nvalidation = 0.2\n"))
        train(read_recipe(file), shop, folder / name, threads=1)
        made.append(folder / name)
    return made


@pytest.fixture(scope="module")
def fused(models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fuse(models, SHARES, tmp_path_factory.mktemp("fused") / "both").folder


def said(folder: Path, task: str, rows: Path) -> list[dict[str, Any]]:
    saved, model = load_fused(folder) if is_fused(folder) else load_model(folder)
    return list(predict(saved, model, task, rows, Reading()))


@pytest.mark.parametrize("task", ["size", "relevance"])
def test_a_score_is_the_weighted_mean_of_the_members(
    task: str, models: list[Path], fused: Path, tmp_path: Path
) -> None:
    """Of cosines as they are; of probabilities, the log odds."""
    write_jsonl(tmp_path / "rows.jsonl", ASKED[task])
    one, other, both = (said(f, task, tmp_path / "rows.jsonl") for f in (*models, fused))
    assert len(both) == len(ASKED[task])
    for a, b, c in zip(one, other, both, strict=True):
        if task == "size":
            odds = [math.log(row["score"] / (1 - row["score"])) for row in (a, b)]
            expected = 1 / (1 + math.exp(-SHARES[0] * odds[0] - SHARES[1] * odds[1]))
            assert c["score"] == pytest.approx(expected, abs=2e-3)
        else:
            expected = SHARES[0] * a["score"] + SHARES[1] * b["score"]
            assert c["score"] == pytest.approx(expected, abs=2e-4)


def test_labels_are_those_of_the_pooled_probabilities(
    models: list[Path], fused: Path, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "rows.jsonl", ASKED["colour"])
    found = said(fused, "colour", tmp_path / "rows.jsonl")
    rows = [Example((asked["text"],)) for asked in ASKED["colour"]]
    members = [load_model(folder)[1] for folder in models]
    for place, answer in enumerate(found):
        pooled, above = [0.0, 0.0, 0.0], 0.0
        for share, member in zip(SHARES, members, strict=True):
            head: Any = member.heads["colour"]
            vector = member.vectors("colour", rows[place : place + 1])[0]
            chances = (head(vector)[0] / head.temperature).softmax(dim=0).tolist()
            pooled = [p + share * math.log(c) for p, c in zip(pooled, chances, strict=True)]
            above += share * float(head.nearness(vector) - head.threshold)
        best = max(range(3), key=pooled.__getitem__)
        assert answer["label"] == ["blue", "green", "red"][best]
        confidence = math.exp(pooled[best]) / sum(map(math.exp, pooled))
        assert answer["confidence"] == pytest.approx(confidence, abs=1e-4)
        assert answer["abstain"] == (above < 0)


def test_rows_give_the_weight_to_who_knows_more(models: list[Path], shop: Path) -> None:
    loaded = [load_model(folder)[1] for folder in models]
    rows = validation_rows(load_model(models[0])[0], loaded[0], "colour", shop, Reading())
    losses = []
    for model in loaded:
        head, vectors = model.heads["colour"], model.vectors("colour", rows)
        with torch.no_grad():
            losses.append(float(model.tasks["colour"].row_losses(head, vectors, rows).mean()))
    chosen = weights_of(models, "colour", shop, (), Reading())
    assert sum(chosen) == pytest.approx(1)
    assert (chosen[0] > chosen[1]) == (losses[0] < losses[1])
    assert weights_of(models, "colour", shop, [shop / "colours.jsonl"], Reading())
    with pytest.raises(RowsError, match="no validation rows"):
        weights_of(models, "relevance", shop, (), Reading())
    write_jsonl(shop / "strange.jsonl", [{"text": "a pink mug", "label": "pink"}])
    with pytest.raises(RowsError, match="no row for colour has a label that the models know"):
        weights_of(models, "colour", shop, [shop / "strange.jsonl"], Reading())


def test_it_is_a_model_for_every_command(
    models: list[Path], shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder needs neither of the two that it was made of."""
    out = tmp_path / "all" / "both"
    words = ["models", "fuse", *map(str, models), "--out", str(out)]
    assert run([*words, "--weight", "1", "--weight", "3"]) == 0
    capsys.readouterr()
    assert run(["evaluate", str(out), "--data", str(shop), "--json"]) == 0
    measured = {row["task"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert set(measured) == set(ASKED)
    assert run(["models", "list", str(out.parent), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["model"] == str(out)
    assert run(["models", "card", str(out)]) == 0
    card = capsys.readouterr().out
    assert any(read_saved(folder).version() in card for folder in models)


@pytest.mark.parametrize(
    "broken", ['{"format": 1, "weights": []}', '{"format": 9, "weights": [1]}']
)
def test_a_fused_folder_that_says_nothing_of_members_is_refused(
    tmp_path: Path, broken: str
) -> None:
    (tmp_path / "fused.json").write_text(broken)
    with pytest.raises(ModelError, match=r"fused\.json"):
        described(tmp_path)


def test_what_has_no_mean_is_refused(models: list[Path], shop: Path, tmp_path: Path) -> None:
    file = shop / "other.toml"
    recipe = shop_recipe(models[0].parent / "wide", 1, tasks=("colour",))
    file.write_text(recipe)
    train(read_recipe(file), shop, tmp_path / "other", threads=1)
    with pytest.raises(ModelError, match="other tasks or labels"):
        fuse([models[0], tmp_path / "other"], (1, 1), tmp_path / "out")
    with pytest.raises(ModelError, match="hasty: it does better without the others"):
        fuse(models, (1, 0), tmp_path / "out")
    with pytest.raises(ModelError, match="two models at least"):
        fuse(models[:1], (1,), tmp_path / "out")
    with pytest.raises(ModelError, match="weight of 0 or more each"):
        fuse(models, (1, 1, 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()
