"""Folds of behaviour tasks: the same rows for every set, users whole, time forwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scoring.behaviour.recipe import read_behaviour_recipe
from scoring.behaviour.task_source import BehaviourTasks
from scoring.errors import RowsError
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


def test_a_fold_without_a_label_of_the_task_is_no_loss_of_nothing(tmp_path: Path) -> None:
    """Clicks were logged for the first quarter of the time only: later folds cannot judge."""
    rows = write_log(tmp_path, 300)
    for row in rows[75:]:
        row["click"] = row["sale"] = None
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = RECIPE.replace("epochs = 4", "epochs = 1")
    (tmp_path / "heads.toml").write_text('split = "time"\ntime = "at_ms"\n' + text)
    source = BehaviourTasks(read_behaviour_recipe(tmp_path / "heads.toml"), tmp_path, Reading())
    with pytest.raises(RowsError, match="fold 3 of 3 has no label of click: take fewer --folds"):
        source.fold_loss(("click",), 2, 3, lambda: False)
