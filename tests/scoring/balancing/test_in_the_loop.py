"""Every balancer in the training loop: it learns both tasks, and its state survives a kill."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scoring.balancing import BALANCERS, make_balancer
from scoring.training.loop import fit
from scoring.training.settings import LoopSettings
from tests.scoring.training.lines import Lines

TASKS = ("double", "minus")
SETTINGS = LoopSettings(epochs=12, learning_rate=0.02, checkpoint_every_s=0)


@pytest.mark.parametrize("name", BALANCERS)
def test_a_training_learns_both_tasks_and_goes_on_after_a_kill(name: str, tmp_path: Path) -> None:
    whole = Lines()
    before = whole.validate()
    balancer = make_balancer(name, TASKS)
    fitted = fit(whole, SETTINGS, balancer, folder=tmp_path / "whole")
    assert all(fitted.measures[task] < 0.5 * before[task] for task in TASKS)

    killed = Lines()
    killed.fail_at = 40
    with pytest.raises(KeyboardInterrupt):
        fit(killed, SETTINGS, make_balancer(name, TASKS), folder=tmp_path / "killed")
    again, resumed = Lines(seed=9), make_balancer(name, TASKS)
    fit(again, SETTINGS, resumed, folder=tmp_path / "killed")
    ours = {**again.module.state_dict(), **resumed.state_dict()}
    theirs = {**whole.module.state_dict(), **balancer.state_dict()}
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
