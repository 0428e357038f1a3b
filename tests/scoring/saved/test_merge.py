"""Means of weights: what cannot be one is said before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scoring.errors import ModelError
from scoring.fusion.saved import fuse
from scoring.heads.cosine_classes import CosineClasses
from scoring.saved.merge import mean_of, merge
from scoring.training.recipe import read_recipe
from scoring.training.run import train
from tests.scoring.training.shop_rows import shop_recipe, write_shop


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0])
def test_a_weight_that_makes_no_mean_is_refused(tmp_path: Path, weight: float) -> None:
    both = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(ModelError, match="a weight above 0 for each"):
        merge(both, [1.0, weight], tmp_path / "out")
    with pytest.raises(ModelError, match="a weight of 0 or more each"):
        fuse(both, [1.0, weight], tmp_path / "out")


def test_a_merged_head_is_as_near_to_what_it_knows_as_its_parts() -> None:
    """The mean of two unit vectors is shorter than 1, and a cosine is not."""
    heads = [CosineClasses(2, 1), CosineClasses(2, 1)]
    for head, means in zip(heads, ([[1.0, 0.0]], [[0.0, 1.0]]), strict=True):
        head.means.copy_(torch.tensor(means))
    heads[0].load_state_dict(mean_of([head.state_dict() for head in heads], [0.5, 0.5]))
    asked = torch.tensor([[3.0, 3.0], [-1.0, 1.0]])
    torch.testing.assert_close(heads[0].nearness(asked), torch.tensor([1.0, 0.0]))


def test_tasks_that_only_share_a_name_are_not_merged(tmp_path: Path, tiny_bert: Path) -> None:
    """Neither a relevance nor an answer has a head, or facts, that would tell them apart."""
    write_shop(tmp_path)
    for task in ("relevance", "answer"):
        said = shop_recipe(tiny_bert, 1, tasks=(task,)).replace(
            "[tasks.answer]", "[tasks.relevance]"
        )
        (tmp_path / "shop.toml").write_text(said)
        train(read_recipe(tmp_path / "shop.toml"), tmp_path, tmp_path / task, threads=1)
    with pytest.raises(ModelError, match="other tasks or labels"):
        merge([tmp_path / "relevance", tmp_path / "answer"], [1, 1], tmp_path / "never")
