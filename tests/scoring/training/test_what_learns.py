"""What of a model learns when: frozen and thawing ones, beside tasks that have no head."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring import load_encoder
from scoring.errors import TrainingError
from scoring.saved.folder import read_saved
from scoring.training.recipe import read_recipe
from scoring.training.run import Trained, train
from tests.scoring.training.shop_rows import RECIPE, shop_recipe, texts, write_shop


def trained(folder: Path, text: str) -> Trained:
    write_shop(folder)
    (folder / "recipe.toml").write_text(text)
    return train(read_recipe(folder / "recipe.toml"), folder, folder / "model", threads=1)


def test_without_a_head_the_top_layer_thaws_in_the_first_epoch(
    tmp_path: Path, tiny_bert: Path
) -> None:
    trained(tmp_path, shop_recipe(tiny_bert, 1, adaptation="gradual", tasks=("answer",)))
    before = load_encoder(tiny_bert, threads=1, precision="float32").encode_queries(texts()[:5])
    after = load_encoder(tmp_path / "model", threads=1, precision="float32")
    assert abs(before - after.encode_queries(texts()[:5])).max() > 1e-4


def test_a_model_of_which_nothing_learns_is_refused(tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(TrainingError, match="no weight would learn"):
        trained(tmp_path, shop_recipe(tiny_bert, 1, adaptation="frozen", tasks=("answer",)))


@pytest.mark.parametrize("method", ["gradnorm", "pcgrad", "cagrad"])
def test_a_loss_that_reaches_nothing_yet_does_not_end_what_balances_losses(
    tmp_path: Path, tiny_bert: Path, method: str
) -> None:
    """In the first epoch of `gradual` heads alone learn, and relevance has none."""
    text = shop_recipe(tiny_bert, 2, adaptation="gradual", tasks=("colour", "relevance"))
    found = trained(tmp_path, text + f'\n[balancing]\nmethod = "{method}"\n')
    assert len(found.fitted.history) == 2


def test_labels_that_fewer_rows_have_lost_are_not_validated(
    tmp_path: Path, tiny_bert: Path
) -> None:
    """Of three colours two rows know two at most; it ended when it was to be calibrated."""
    text = RECIPE.replace("test = 0.3", "test = 0.3\nmax_rows = 2").format(encoder=tiny_bert)
    trained(tmp_path, text)
    assert len(read_saved(tmp_path / "model").facts["colour"]["labels"]) <= 2
