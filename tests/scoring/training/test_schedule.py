"""Learning rate: up, then down, never nothing."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.training.schedule import rate_factor
from scoring.training.settings import LoopSettings


def test_a_rise_of_two_steps_and_a_linear_fall() -> None:
    settings = LoopSettings(warmup=0.25)
    factors = [rate_factor(step, 8, settings) for step in range(8)]
    assert factors == pytest.approx([1 / 3, 2 / 3, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_half_way_down_the_cosine_is_a_half() -> None:
    settings = LoopSettings(warmup=0, decay="cosine")
    assert rate_factor(50, 100, settings) == pytest.approx(0.5)
    assert rate_factor(25, 100, settings) == pytest.approx((1 + 2**-0.5) / 2)


@given(
    st.integers(1, 500),
    st.floats(0, 0.99),
    st.sampled_from(["linear", "cosine", "constant"]),
)
def test_it_rises_once_and_falls_once(
    n_steps: int, warmup: float, decay: Literal["linear", "cosine", "constant"]
) -> None:
    settings = LoopSettings(warmup=warmup, decay=decay)
    factors = [rate_factor(step, n_steps, settings) for step in range(n_steps)]
    assert all(0 < factor <= 1 for factor in factors)
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
