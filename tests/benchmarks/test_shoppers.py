"""What simulated shoppers do comes near to what was fitted to a real log."""

from __future__ import annotations

import pytest

from scoring.simulation import ExaminingShoppers, Wares
from tests.benchmarks.bench_shoppers import produced


def test_the_produced_log_looks_like_the_real_one() -> None:
    """The real one: 28 days, deviation 1.22, 42 % bought before, elasticity .57."""
    made = produced(ExaminingShoppers(Wares.invented()), 300)
    assert made["gap_median_days"].value == pytest.approx(28, abs=8)
    assert made["gap_sd"].value == pytest.approx(1.22, abs=0.15)
    assert made["bought before"].value == pytest.approx(0.42, abs=0.12)
    assert made["elasticity"].value == pytest.approx(0.57, abs=0.15)
