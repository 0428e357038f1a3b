"""Experts between the text's vector and the heads: they begin as nothing, learn, and are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scoring import load_encoder
from scoring.errors import ModelError, RecipeError
from scoring.language.text_model import TextModel
from scoring.saved.answering import evaluate
from scoring.saved.folder import load_model, read_saved
from scoring.saved.merge import merge
from scoring.tasks.contract import Example
from scoring.training.loop import Interrupted
from scoring.training.recipe import Recipe, read_recipe
from scoring.training.rows import Reading
from scoring.training.run import train
from scoring.training.twins import twin_recipes
from tests.scoring.training.shop_rows import shop_recipe, texts, write_shop

MMOE = 'method = "mmoe", n_experts = 3, hidden = [8]'
PLE = 'method = "ple", n_shared = 1, n_private = 1, levels = 2, hidden = [8]'
ROWS = [Example((text,)) for text in texts()[:7]]


def recipe(
    folder: Path,
    encoder: Path,
    sharing: str,
    *,
    epochs: int = 2,
    seed: int = 0,
    adaptation: str = "full",
    tasks: tuple[str, ...] = ("colour", "size", "relevance"),
) -> Recipe:
    write_shop(folder)
    text = shop_recipe(encoder, epochs, tasks=tasks, adaptation=adaptation)
    text = text.replace("temperature = 2", f"temperature = 2\nsharing = {{ {sharing} }}")
    text = text.replace("[training]", f"[training]\nseed = {seed}\nprivate_learning_rate = 0.01")
    text = text.replace("learning_rate = 0.003", "learning_rate = 0.005")
    (folder / "recipe.toml").write_text(text)
    return read_recipe(folder / "recipe.toml")


def state(model: TextModel) -> dict[str, torch.Tensor]:
    return dict(model.heads["experts of all"].state_dict())


@pytest.fixture(scope="module")
def mixed(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with MMoE that stood still below: its encoder is the tiny one."""
    folder = tmp_path_factory.mktemp("mixed")
    settings = recipe(folder, tiny_bert, MMOE, adaptation="frozen")
    train(settings, folder, folder / "model", threads=1)
    return folder / "model"


def test_tasks_that_classify_have_vectors_of_their_own_and_the_index_has_the_encoders(
    mixed: Path, tiny_bert: Path
) -> None:
    _, model = load_model(mixed)
    (own,) = model.vectors("relevance", ROWS)
    torch.testing.assert_close(own, model.language.vectors([row.texts[0] for row in ROWS]))
    (colour,), (size,) = model.vectors("colour", ROWS), model.vectors("size", ROWS)
    assert (colour - own).abs().max() > 0.01
    assert (size - own).abs().max() > 0.01
    assert (colour - size).abs().max() > 0.01
    before = load_encoder(tiny_bert, threads=1, precision="float32").encode_queries(texts()[:7])
    after = load_encoder(mixed, threads=1, precision="float32").encode_queries(texts()[:7])
    np.testing.assert_allclose(before, after, atol=1e-6)


@pytest.mark.parametrize("sharing", [MMOE, PLE])
def test_tasks_learn_through_experts_and_answer_the_same_when_loaded(
    tiny_bert: Path, tmp_path: Path, sharing: str
) -> None:
    settings = recipe(tmp_path, tiny_bert, sharing, epochs=8, tasks=("colour", "size"))
    train(settings, tmp_path, tmp_path / "model", threads=1)
    saved, model = load_model(tmp_path / "model")
    assert saved.metrics["colour"]["accuracy"] > 0.9
    found = evaluate(saved, model, tmp_path, reading=Reading())
    for task, measures in saved.metrics.items():
        assert found[task] == pytest.approx(measures, abs=1e-5)


def test_they_begin_as_nothing_and_with_the_same_numbers(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    for seed in (0, 1):
        settings = recipe(tmp_path, tiny_bert, PLE, seed=seed)

        def look(model: TextModel) -> None:
            (own,) = model.vectors("colour", ROWS)
            torch.testing.assert_close(
                own, model.language.vectors([row.texts[0] for row in ROWS]), atol=0, rtol=0
            )
            begun.append({name: value.clone() for name, value in state(model).items()})
            raise InterruptedError

        monkeypatch.setattr("scoring.training.text.TextTraining.begin", lambda t: look(t.module))
        with pytest.raises(InterruptedError):
            train(settings, tmp_path, tmp_path / f"model-{seed}", threads=1)
    assert begun[0].keys() == begun[1].keys()
    assert all(torch.equal(value, begun[1][name]) for name, value in begun[0].items())


def test_a_stopped_training_with_experts_ends_in_the_same_model(
    mixed: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    settings, out = recipe(tmp_path, tiny_bert, MMOE, adaptation="frozen"), tmp_path / "again"
    left = iter([False] * 9 + [True])
    with pytest.raises(Interrupted):
        train(settings, tmp_path, out, threads=1, stop=lambda: next(left))
    train(settings, tmp_path, out, threads=1)
    assert read_saved(out).version() == read_saved(mixed).version()


def test_experts_are_merged_with_the_heads(mixed: Path, tiny_bert: Path, tmp_path: Path) -> None:
    settings = recipe(tmp_path, tiny_bert, MMOE, seed=1, adaptation="frozen")
    train(settings, tmp_path, tmp_path / "second", threads=1)
    merge([mixed, tmp_path / "second"], [1, 1], tmp_path / "merged")
    one, other, mean = (
        state(load_model(folder)[1]) for folder in (mixed, tmp_path / "second", tmp_path / "merged")
    )
    assert max(float((one[name] - other[name]).abs().max()) for name in one) > 1e-3
    for name, value in mean.items():
        torch.testing.assert_close(value, (one[name] + other[name]) / 2)
    settings = recipe(tmp_path, tiny_bert, PLE, adaptation="frozen")
    train(settings, tmp_path, tmp_path / "ple", threads=1)
    with pytest.raises(ModelError, match="other experts"):
        merge([mixed, tmp_path / "ple"], [1, 1], tmp_path / "never")


def test_with_less_than_two_tasks_that_classify_there_is_nothing_to_share(
    tiny_bert: Path, tmp_path: Path
) -> None:
    settings = recipe(tmp_path, tiny_bert, MMOE, tasks=("colour", "relevance", "answer"))
    with pytest.raises(RecipeError, match=r"mmoe is between tasks .* there are 1 of 3"):
        train(settings, tmp_path, tmp_path / "never", threads=1)
    assert all(twin.sharing is None for twin in twin_recipes(settings).values())
    with pytest.raises(RecipeError, match="n_expert"):
        recipe(tmp_path, tiny_bert, MMOE.replace("n_experts", "n_expert"))
