"""From a shop's files to an encoder that knows its words."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from scoring import load_encoder
from scoring.encoder import identify
from scoring.errors import EncoderFormatError, ModelError, RecipeError, RowsError
from scoring.language.model import LanguageModel
from scoring.pretraining.corpus import read_corpus
from scoring.pretraining.model import PretrainingModel
from scoring.pretraining.partners import reciprocal_ranks
from scoring.pretraining.recipe import Masking, Pretraining, read_pretraining
from scoring.pretraining.run import pretrain
from scoring.pretraining.saved import Gain, read_gain
from scoring.saved.card import read_card
from scoring.training.loop import Interrupted
from scoring.training.recipe import BackboneSettings
from scoring.training.rows import Reading
from tests.scoring.pretraining.shop import tiny_recipe, write_files


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_files(folder)
    return folder


@pytest.fixture(scope="module")
def made(shop: Path, masking_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "tiny"
    run(tiny_recipe(shop, masking_bert, 12), shop, out)
    return out


def run(recipe: Pretraining, shop: Path, out: Path) -> Gain:
    return pretrain(recipe, shop, out, Reading(), threads=1)


def test_words_and_pairs_are_learned_and_measured_on_what_was_held_out(made: Path) -> None:
    gain = read_gain(made)
    assert list(gain.before) == ["words.perplexity", "words.accuracy", "clicks.mrr", "items.mrr"]
    assert gain.after["words.perplexity"] < 0.5 * gain.before["words.perplexity"]
    assert gain.after["words.accuracy"] > gain.before["words.accuracy"]
    assert gain.after["clicks.mrr"] > max(0.9, gain.before["clicks.mrr"])
    assert gain.after["items.mrr"] > max(0.9, gain.before["items.mrr"])
    card = read_card(made)
    assert (
        f"| clicks.mrr | {gain.before['clicks.mrr']:.4f} | {gain.after['clicks.mrr']:.4f} |" in card
    )
    assert "made for this test (CC0)" in card


def test_the_folder_is_an_encoder_like_any_other(made: Path, masking_bert: Path) -> None:
    texts = ["red mug", "the small blue bike of tea"]
    encoder = load_encoder(made, threads=1, precision="float32")
    ours = LanguageModel(BackboneSettings(source=str(made))).vectors(texts)
    np.testing.assert_allclose(
        encoder.encode_queries(texts), normalize(ours, dim=1).numpy(), atol=2e-6
    )
    assert encoder.version != identify(masking_bert)[0]


def test_another_pretraining_goes_on_with_the_head_of_the_first(
    made: Path, shop: Path, tmp_path: Path
) -> None:
    again = run(tiny_recipe(shop, made, 1), shop, tmp_path / "again")
    first = read_gain(made).after
    assert again.before == {name: pytest.approx(value, rel=1e-4) for name, value in first.items()}


def test_a_stopped_training_goes_on_to_the_same_weights(
    shop: Path, masking_bert: Path, tmp_path: Path
) -> None:
    recipe = tiny_recipe(shop, masking_bert, 2, dropout=0.1)
    whole = run(recipe, shop, tmp_path / "whole")
    steps = iter(range(5))
    with pytest.raises(Interrupted, match="stopped at step 5 of"):
        pretrain(
            recipe,
            shop,
            tmp_path / "halves",
            Reading(),
            threads=1,
            stop=lambda: next(steps) == 4,
        )
    halves = run(recipe, shop, tmp_path / "halves")
    assert halves == whole
    for file in ("model.safetensors", "pretraining/words_head.safetensors"):
        assert (tmp_path / "halves" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_a_loss_without_weight_is_neither_computed_nor_needs_a_mask(
    shop: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    """And one with a weight says that the tokenizer has no token for it."""
    pairs = tiny_recipe(shop, tiny_bert, 1, weights="words = 0")
    gain = run(pairs, shop, tmp_path / "pairs")
    assert list(gain.after) == ["clicks.mrr", "items.mrr"]
    assert not (tmp_path / "pairs" / "pretraining" / "words_head.safetensors").exists()
    with pytest.raises(EncoderFormatError, match=r"no token for hidden words .* weights.words = 0"):
        run(tiny_recipe(shop, tiny_bert, 1), shop, tmp_path / "words")
    nothing = tiny_recipe(shop, tiny_bert, 1, weights="words = 0\nclicks = 0\nitems = 0")
    with pytest.raises(RecipeError, match="nothing to learn"):
        run(nothing, shop, tmp_path / "nothing")


def test_hidden_words_are_said_as_one_text_after_the_other_would_say_them(
    masking_bert: Path,
) -> None:
    """Groups of like length give the loss of the plain way, and every word vector learns."""
    model = PretrainingModel(LanguageModel(BackboneSettings(source=str(masking_bert))), Masking())
    model.eval()
    texts = ["red mug", "a small blue bike for the tea set", "green cable for a cup"]
    said = model.words(texts, seed=5)
    assert said.n == 3  # 15 % of two, eight and five tokens: one each

    assert model.words_head is not None
    language, masker = model.language, model._masker
    table = model.get_parameter("language.backbone.embeddings.word_embeddings.weight")
    draw = random.Random(5)
    losses = []
    for text in sorted(texts, key=len):
        encoding = language.tokenizer.encode(text)
        ids, [place] = masker.hide(encoding.ids, encoding.word_ids, draw)
        hidden = language.backbone(input_ids=torch.tensor([ids])).last_hidden_state[0, place]
        logits = model.words_head(hidden, table)
        losses.append(-logits.log_softmax(dim=0)[encoding.ids[place]])
    torch.testing.assert_close(said.loss, torch.stack(losses).mean())
    torch.autograd.backward(said.loss)
    assert table.grad is not None
    assert bool((table.grad.abs().sum(dim=1)[4:] > 0).all())


def test_what_is_as_right_is_no_negative(masking_bert: Path) -> None:
    model = PretrainingModel(LanguageModel(BackboneSettings(source=str(masking_bert))), None)
    model.eval()
    pairs = [("mug", "red mug"), ("tea", "small tea set"), ("mug", "blue mug")]
    right = {"mug": {"red mug", "blue mug"}, "tea": {"small tea set"}}
    counted = {0: [0, 1], 1: [0, 1, 2], 2: [1, 2]}  # red and blue mugs are both right for "mug"
    with torch.no_grad():
        loss = model.pairs(pairs, right, 0.5)
        asked, found = (normalize(model.language([p[i] for p in pairs]), dim=1) for i in (0, 1))
        logits = asked @ found.T / 0.5
        plain = [
            row[members].logsumexp(dim=0) - row[place]
            for rows in (logits, logits.T)
            for (place, members), row in zip(counted.items(), rows, strict=True)
        ]
    torch.testing.assert_close(loss, torch.stack(plain).mean())


def test_texts_without_a_token_hide_none_and_teach_nothing(masking_bert: Path) -> None:
    """As a title of one invisible character is; the loss of a batch of such was no number."""
    model = PretrainingModel(LanguageModel(BackboneSettings(source=str(masking_bert))), Masking())
    said = model.words(["", ""], 0)
    assert (said.loss.item(), said.n_right, said.n) == (0, 0, 0)
    torch.autograd.backward(said.loss)
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


class Vectors:
    """A language model whose vectors are given."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self._vectors = vectors

    def vectors(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor([self._vectors[text] for text in texts])


def test_another_right_answer_is_not_ahead_and_ties_count_half() -> None:
    given = {
        "q": [1.0, 0.0],
        "near": [3.0, 0.1],
        "far": [1.0, 1.0],
        "p": [0.0, 1.0],
        "same": [2.0, 2.0],
    }
    pairs = [("q", "near"), ("q", "far"), ("p", "same")]
    right = {"q": {"near", "far"}, "p": {"same"}}
    ranks = reciprocal_ranks(Vectors(given), pairs, right)  # type: ignore[arg-type]
    # far: near does not count, same is as far: 1.5th. same: far is as near: 1.5th.
    assert ranks == pytest.approx([1, 1 / 1.5, 1 / 1.5])


def test_rows_are_read_once_and_held_out_by_title_and_query(shop: Path, masking_bert: Path) -> None:
    corpus = read_corpus(tiny_recipe(shop, masking_bert, 1), shop, Reading())
    clicks, items = corpus.pairs["clicks"], corpus.pairs["items"]
    assert len(clicks.train) + len(clicks.held_out) == 72
    assert len(items.train) + len(items.held_out) == 35  # one has no description
    assert len(corpus.words.train) + len(corpus.words.held_out) == 36 + 72
    for held in (clicks, items):
        assert held.held_out
        assert not {row[0] for row in held.train} & {row[0] for row in held.held_out}
    assert not set(corpus.words.train) & set(corpus.words.held_out)


def test_a_bad_row_is_named_with_its_line_and_fewer_can_be_asked_for(
    tmp_path: Path, masking_bert: Path
) -> None:
    write_files(tmp_path)
    with (tmp_path / "queries.jsonl").open("a") as file:
        file.write(json.dumps({"query": "mug", "title": " "}) + "\n")
    recipe = tiny_recipe(tmp_path, masking_bert, 1)
    with pytest.raises(RowsError, match=r"queries.jsonl:73: 'title' empty"):
        read_corpus(recipe, tmp_path, Reading())
    text = (tmp_path / "tiny.toml").read_text()
    (tmp_path / "tiny.toml").write_text(
        text.replace('"queries.jsonl"]', '"queries.jsonl"]\nmax_rows = 10')
    )
    reading = Reading(skip_bad=True)
    fewer = read_corpus(read_pretraining(tmp_path / "tiny.toml"), tmp_path, reading).pairs["clicks"]
    assert len(fewer.train) + len(fewer.held_out) == 10
    assert len(reading.bad) == 1


def test_what_is_there_is_not_written_over(made: Path, shop: Path, masking_bert: Path) -> None:
    with pytest.raises(ModelError, match="is there already"):
        run(tiny_recipe(shop, masking_bert, 1), shop, made)
