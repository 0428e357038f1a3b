"""Query and title read together: trained, saved, asked, and as an order of candidates."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from scoring.errors import ModelError
from scoring.language.model import LanguageModel
from scoring.reranker import Reranker, load_reranker
from scoring.saved.answering import evaluate, predict
from scoring.saved.folder import load_model, read_saved
from scoring.training.recipe import BackboneSettings, read_recipe
from scoring.training.rows import Reading
from scoring.training.run import train
from tests.scoring.training.shop_rows import COLOURS, THINGS, texts, write_jsonl

RECIPE = """
name = "cross"
batch_size = 16

[backbone]
source = "{encoder}"
dropout = 0.0

[training]
epochs = {epochs}
learning_rate = 0.004

[tasks.fits]
type = "cross-relevance"
train = ["searches.jsonl"]
test = ["searches.jsonl"]
validation = 0.0
"""


TITLES = [f"{colour} {thing}" for colour, thing in product(COLOURS, THINGS)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Titles in the colour that was asked for have grade 3, others 1."""
    folder = tmp_path_factory.mktemp("shop")
    write_jsonl(
        folder / "searches.jsonl",
        [
            {"query": f"{colour} {more}", "title": title, "score": 3 if colour in title else 1}
            for colour, more, title in product(COLOURS, ("set", "cup"), TITLES)
        ],
    )
    return folder


def trained(shop: Path, encoder: Path, out: Path, epochs: int) -> Path:
    file = shop / f"{out.name}.toml"
    file.write_text(RECIPE.format(encoder=encoder, epochs=epochs))
    train(read_recipe(file), shop, out, threads=1)
    return out


@pytest.fixture(scope="module")
def model(shop: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(shop, tiny_bert, tmp_path_factory.mktemp("models") / "cross", 45)


@pytest.fixture(scope="module")
def reranker(model: Path) -> Reranker:
    return load_reranker(model, threads=1, precision="float32")


def test_it_learns_what_two_texts_have_to_do_with_each_other(model: Path, shop: Path) -> None:
    """No word of a query or of a title says anything alone; .82 would be perfect, for ties."""
    measured = read_saved(model).metrics["fits"]
    assert measured["spearman"] > 0.75
    assert measured["within_query"] > 0.75
    found = evaluate(*load_model(model), shop, reading=Reading())
    assert found["fits"] == pytest.approx(measured, abs=1e-5)


def test_scores_are_grades_on_the_scale_of_the_rows(model: Path, tmp_path: Path) -> None:
    asked = [{"query": "red set", "title": title} for title in TITLES]
    write_jsonl(tmp_path / "ask.jsonl", asked)
    found = list(predict(*load_model(model), "fits", tmp_path / "ask.jsonl", Reading()))
    assert [set(row) for row in found] == [{"query", "title", "score"}] * len(TITLES)
    assert all(1 <= row["score"] <= 3 for row in found)
    wrong = [abs(row["score"] - (3 if "red" in row["title"] else 1)) for row in found]
    assert sum(wrong) / len(wrong) < 0.3


def test_candidates_are_ordered_by_what_predict_says(
    model: Path, reranker: Reranker, tmp_path: Path
) -> None:
    """Two ways through the layers: the training's by transformers, and the worker's own."""
    write_jsonl(tmp_path / "ask.jsonl", [{"query": "green cup", "title": t} for t in TITLES])
    answers = predict(*load_model(model), "fits", tmp_path / "ask.jsonl", Reading())
    scores = reranker.scores("green cup", TITLES)
    np.testing.assert_allclose(scores, [row["score"] for row in answers], atol=1e-4)
    order = reranker.order("green cup", TITLES)
    assert (np.diff(scores[order]) <= 0).all()
    assert all("green" in TITLES[place] for place in order[: len(THINGS)])
    assert reranker.version == read_saved(model).version()


def test_a_pair_has_the_same_score_among_any_others(reranker: Reranker) -> None:
    titles = ["mug", *texts()[:40], "the red cup for the small bike", "never seen words"]
    together = reranker.scores("red cup", titles)
    alone = [float(reranker.scores("red cup", [title])[0]) for title in titles]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(reranker.scores("red cup", [])) == 0
    assert reranker.order("red cup", ["blue mug"] * 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("encoder", ["tiny_bert", "tiny_distilbert"])
def test_each_text_is_read_in_sight_of_the_other(
    request: pytest.FixtureRequest, encoder: str
) -> None:
    """Its vector depends on the partner, and the two sides are told apart, with segments or not."""
    language = LanguageModel(BackboneSettings(source=str(request.getfixturevalue(encoder))))
    pairs = [("red mug", "a blue cup"), ("red mug", "tea set"), ("tea set", "red mug")]
    first, second = language.pair_vectors(pairs)
    assert not torch.allclose(first[0], first[1], atol=1e-3)
    assert not torch.allclose(first[1], second[2], atol=1e-3)
    alone = torch.cat([language.pair_vectors([pair]) for pair in pairs], dim=1)
    torch.testing.assert_close(torch.stack([first, second]), alone, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("encoder", ["tiny_distilbert", "tiny_bert_of_one_segment"])
def test_a_model_without_segments_is_served_as_it_was_trained(
    shop: Path, encoder: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = trained(shop, request.getfixturevalue(encoder), tmp_path / "model", 1)
    titles = texts()[:9]
    write_jsonl(tmp_path / "ask.jsonl", [{"query": "red mug", "title": t} for t in titles])
    saved, model = load_model(folder)
    said = [
        row["score"] for row in predict(saved, model, "fits", tmp_path / "ask.jsonl", Reading())
    ]
    ours = load_reranker(folder, threads=1, precision="float32").scores("red mug", titles)
    np.testing.assert_allclose(ours, said, atol=1e-4)


def test_what_is_no_cross_encoder_is_refused(model: Path) -> None:
    with pytest.raises(ModelError, match="has fits of type cross-relevance, not 'mood'"):
        load_reranker(model, "mood", threads=1)
