"""Tasks of a text recipe without a part of their rows."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from scoring.errors import RowsError
from scoring.training.recipe import read_recipe
from scoring.training.rows import Reading
from scoring.training.split import place_of
from scoring.training.text_source import TextTasks
from tests.scoring.training.shop_rows import colour, shop_recipe, texts, write_jsonl, write_shop

N_FOLDS = 3
RARE = {"text": "bike for tea", "label": "pink"}


def test_a_label_that_a_fold_holds_out_wholly_is_not_asked_of_the_others(
    tmp_path: Path, tiny_bert: Path
) -> None:
    """One row of it is learned from, and one validates: whoever has not learned it cannot know."""
    write_shop(tmp_path)
    rows = [{"text": text, "label": colour(text)} for text in texts()[:40]]
    write_jsonl(tmp_path / "colours.jsonl", [*rows, RARE])
    write_jsonl(tmp_path / "held.jsonl", [*rows[:5], {**RARE, "text": "tea for bike"}])
    said = shop_recipe(tiny_bert, 1, tasks=("colour", "size"))
    whole = 'train = ["colours.jsonl"]\ntest = 0.2\n'
    assert whole in said
    said = said.replace(whole, 'train = ["colours.jsonl"]\nvalidation = ["held.jsonl"]\n')
    (tmp_path / "shop.toml").write_text(said)
    source = TextTasks(read_recipe(tmp_path / "shop.toml"), tmp_path, Reading())
    fold = int(place_of(RARE["text"], "fold", 0) * N_FOLDS)
    assert math.isfinite(source.fold_loss(("colour",), fold, N_FOLDS, lambda: False))


def test_a_fold_with_none_but_rare_labels_is_refused_as_too_small(
    tmp_path: Path, tiny_bert: Path
) -> None:
    """A mean over no rows is NaN, which the file of losses cannot hold."""
    write_shop(tmp_path)
    fold = int(place_of(RARE["text"], "fold", 0) * N_FOLDS)
    others = [text for text in texts() if int(place_of(text, "fold", 0) * N_FOLDS) != fold]
    rows = [{"text": text, "label": colour(text)} for text in others]
    write_jsonl(tmp_path / "colours.jsonl", [*rows, RARE])
    said = shop_recipe(tiny_bert, 1, tasks=("colour",)).replace("test = 0.2", "validation = 0")
    (tmp_path / "shop.toml").write_text(said)
    source = TextTasks(read_recipe(tmp_path / "shop.toml"), tmp_path, Reading())
    with pytest.raises(RowsError, match=f"fold {fold + 1} of 3 leaves too few rows of colour"):
        source.fold_loss(("colour",), fold, N_FOLDS, lambda: False)
