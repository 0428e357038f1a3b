"""Training with changed texts: goes on as if it had not been stopped, and translates once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scoring.augmentation.back_translation import translated
from scoring.augmentation.settings import BackTranslation
from scoring.errors import CheckpointError, RecipeError
from scoring.saved.folder import read_saved
from scoring.training.loop import Interrupted
from scoring.training.recipe import Recipe, read_recipe
from scoring.training.run import train
from tests.scoring.conftest import WORDS
from tests.scoring.training.shop_rows import RECIPE, texts, write_shop

THERE_AND_BACK = BackTranslation(there="there", back="back")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows, synonyms, and two random models that say something in the same words."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    (folder / "same.txt").write_text("mug, cup\ncable, bike, set\n")
    for seed, name in enumerate(("there", "back")):
        _save_translator(folder / name, seed)
    return folder


def _save_translator(folder: Path, seed: int) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

    marks = ["<pad>", "<unk>", "<s>", "</s>"]
    vocabulary = {word: place for place, word in enumerate([*marks, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    names = dict(zip(("pad_token", "unk_token", "bos_token", "eos_token"), marks, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    sizes = {"layers": 1, "attention_heads": 2, "ffn_dim": 16}
    both = {f"{s}_{name}": n for s in ("encoder", "decoder") for name, n in sizes.items()}
    config = BartConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=2,
        forced_eos_token_id=None,
        init_std=0.8,
        **both,
    )
    BartForConditionalGeneration(config).save_pretrained(folder)


def recipe(folder: Path, encoder: Path, augmentation: str) -> Recipe:
    text = RECIPE.format(encoder=encoder).replace("epochs = 12", "epochs = 2")
    text = text.replace("batch_size = 16", f"batch_size = 16\naugmentation = {{ {augmentation} }}")
    (folder / "recipe.toml").write_text(text)
    return read_recipe(folder / "recipe.toml")


ALL = """share = 0.8, delete = 0.1, swap = 0.1, synonyms = 0.5, synonym_file = "same.txt", \
back_translation = { there = "there", back = "back", share = 0.5 }"""


def test_a_stopped_training_goes_on_with_the_same_changes(
    shop: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    """Stopped while it translates, and again while it learns."""
    settings = recipe(shop, tiny_bert, ALL)
    told: list[tuple[int, int]] = []
    whole, out = tmp_path / "whole", tmp_path / "again"
    train(settings, shop, whole, threads=1, translating=lambda *far: told.append(far))
    assert told[-1][0] == told[-1][1] > 64
    for last in (1, 12):
        left = iter([False] * last + [True])
        with pytest.raises(Interrupted):
            train(settings, shop, out, threads=1, stop=lambda left=left: next(left))  # type: ignore[misc]
    train(settings, shop, out, threads=1)
    assert read_saved(out).version() == read_saved(whole).version()
    train(recipe(shop, tiny_bert, "share = 0.0"), shop, tmp_path / "plain", threads=1)
    assert read_saved(tmp_path / "plain").version() != read_saved(whole).version()


def test_other_synonyms_do_not_go_on_from_old_ones(
    shop: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    settings = recipe(shop, tiny_bert, 'synonyms = 0.5, synonym_file = "mine.txt"')
    (shop / "mine.txt").write_text("mug, cup\n")
    with pytest.raises(Interrupted):
        train(settings, shop, tmp_path / "model", threads=1, stop=lambda: True)
    (shop / "mine.txt").write_text("mug, cup, tea\n")
    with pytest.raises(CheckpointError, match="other augmentation"):
        train(settings, shop, tmp_path / "model", threads=1)


def test_an_unknown_task_is_named(shop: Path, tiny_bert: Path, tmp_path: Path) -> None:
    settings = recipe(shop, tiny_bert, 'delete = 0.1, tasks = ["color"]')
    with pytest.raises(RecipeError, match=r"augmentation\.tasks has \['color'\]; .* colour"):
        train(settings, shop, tmp_path / "model", threads=1)


def test_translations_are_kept_batch_by_batch(shop: Path, tmp_path: Path) -> None:
    asked = texts()[:70]  # three batches
    whole = translated(asked, THERE_AND_BACK, shop, tmp_path / "whole")
    assert whole
    assert len(set(whole.values())) > 5  # it is not one text for all
    assert set(" ".join(whole.values()).split()) <= set(WORDS)
    again = iter(range(9))
    state = tmp_path / "state"
    assert translated(asked, THERE_AND_BACK, shop, state, stop=lambda: next(again) == 2) is None
    with (state / "translated.jsonl").open("ab") as file:
        file.write('["killed within an é'.encode()[:-1])
    told: list[tuple[int, int]] = []
    found = translated(asked, THERE_AND_BACK, shop, state, progress=lambda *far: told.append(far))
    assert found == whole
    assert told == [(70, 70)]  # the last batch only
    assert translated(asked, THERE_AND_BACK, shop, state) == whole
    turned = BackTranslation(there="back", back="there")
    told.clear()
    translated(asked, turned, shop, state, progress=lambda *far: told.append(far))
    assert told[0] == (32, 70)  # other models: anew


def test_a_folder_without_a_translation_model_is_refused(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="back_translation names it"):
        translated(["mug"], BackTranslation(there="here", back="back"), shop, tmp_path)
    (shop / "empty").mkdir()
    with pytest.raises(RecipeError, match="holds no translation model that loads"):
        translated(["mug"], BackTranslation(there="empty", back="back"), shop, tmp_path)
