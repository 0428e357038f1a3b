"""Folds of behaviour tasks: the same rows for every set, users whole, time forwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.behaviour.recipe import read_behaviour_recipe
from scoring.behaviour.task_source import BehaviourTasks
from scoring.training.rows import Reading
from tests.scoring.behaviour.shop_log import RECIPE, write_log


@pytest.mark.parametrize("by", ["time", "hash"])
def test_folds_hold_out_whole_users_or_what_comes_later(tmp_path: Path, by: str) -> None:
    write_log(tmp_path, 400)
    text = RECIPE if by == "hash" else 'split = "time"\ntime = "at_ms"\n' + RECIPE
    (tmp_path / "heads.toml").write_text(text)
    source = BehaviourTasks(read_behaviour_recipe(tmp_path / "heads.toml"), tmp_path, Reading())
    rows = source._parts.train
    seen: list[int] = []
    for fold in range(3):
        learned, asked = source._fold(fold, 3)
        seen += asked.tolist()
        assert not set(learned) & set(asked)
        if by == "hash":
            assert len(learned) + len(asked) == len(rows)
            assert not set(rows.keys[learned]) & set(rows.keys[asked])
        else:
            assert rows.at[learned].max() < rows.at[asked].min()
            assert len(asked) == pytest.approx(len(rows) / 4, abs=2)
    assert len(seen) == len(set(seen))
    if by == "hash":
        assert len(seen) == len(rows)
