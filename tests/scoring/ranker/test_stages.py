"""What is kept of a ranker's training belongs to one recipe; who kept nothing is in no way."""

from pathlib import Path

import numpy as np
import pytest

from scoring.errors import CheckpointError
from scoring.ranker.heads import Heads
from scoring.ranker.lists import Lists
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.stages import Stages


def one_list() -> list[Lists]:
    return [
        Lists(
            features=np.zeros((2, 3), np.float16),
            wanted=np.array([True, False]),
            new=np.zeros(2, bool),
            weights=np.ones(2, np.float32),
            starts=np.array([0, 2]),
            counts=np.array([[1], [0], [0], [0]]),
            regions=("home",),
        )
    ]


def test_a_recipe_that_failed_before_its_first_stage_is_forgotten(tmp_path: Path) -> None:
    """It said to use fewer days, and then that the fewer days were of another recipe."""
    folder = tmp_path / ".ranker.training"
    Stages(folder, {"days": 90})
    (folder / "lists-0007.safetensors").write_bytes(b"killed before all lists were there")
    fewer = Stages(folder, {"days": 20})
    assert len(fewer.lists(one_list)) == 1
    assert len(Stages(folder, {"days": 20}).lists(one_list)) == 1


def test_a_stage_is_not_thrown_away_for_another_recipe(tmp_path: Path) -> None:
    folder = tmp_path / ".ranker.training"
    Stages(folder, {"days": 90}).lists(one_list)
    with pytest.raises(CheckpointError, match="begin anew with --restart"):
        Stages(folder, {"days": 20})


@pytest.mark.parametrize("damaged", ["first.json", "first.safetensors"])
@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'{"rng": 3, "groups": null}', b"\xff"])
def test_a_damaged_stage_says_how_to_begin_anew(tmp_path: Path, damaged: str, raw: bytes) -> None:
    folder = tmp_path / ".ranker.training"
    stages, rng = Stages(folder, {"days": 90}), np.random.default_rng(1)
    made = Heads.of(("a", "b"), ("cvr",), HeadsNetwork(2, 1))
    heads, _ = stages.taught("first", rng, lambda: (made, {}))
    again, _ = Stages(folder, {"days": 90}).taught("first", rng, lambda: (made, {}))
    assert again.version == heads.version
    (folder / damaged).write_bytes(raw)
    with pytest.raises(CheckpointError, match=rf"{damaged} is damaged.*--restart"):
        Stages(folder, {"days": 90}).taught("first", rng, lambda: (made, {}))
