"""Means of weights: what cannot be one is said before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.errors import ModelError
from scoring.fusion.saved import fuse
from scoring.saved.merge import merge


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0])
def test_a_weight_that_makes_no_mean_is_refused(tmp_path: Path, weight: float) -> None:
    both = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(ModelError, match="a weight above 0 for each"):
        merge(both, [1.0, weight], tmp_path / "out")
    with pytest.raises(ModelError, match="a weight of 0 or more each"):
        fuse(both, [1.0, weight], tmp_path / "out")
