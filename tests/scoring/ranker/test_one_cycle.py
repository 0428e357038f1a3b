"""Passes over examples: what each has, and how many steps there are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.ranker.network import HeadsNetwork
from scoring.ranker.one_cycle import OneCycle
from scoring.ranker.settings import NetworkSettings


def ran(cycle: OneCycle) -> tuple[list[list[int]], list[tuple[int, int]], HeadsNetwork]:
    """Examples of each step, what was told, and a network that makes what it says small."""
    network = HeadsNetwork(2, 1, width=4, n_codes=3)
    steps: list[list[int]] = []
    told: list[tuple[int, int]] = []

    def loss(some: NDArray[np.int64]) -> Tensor:
        steps.append(some.tolist())
        found: Tensor = network(torch.ones(1, 2), torch.zeros(1, dtype=torch.int64)).square().sum()
        return found

    note = lambda done, total: told.append((done, total))  # noqa: E731
    cycle.run(network, loss, NetworkSettings(), np.random.default_rng(0), note)
    return steps, told, network


def test_a_pass_has_no_example_twice_and_each_pass_another_order() -> None:
    steps, told, _ = ran(OneCycle(n=7, batch=3, epochs=4))
    assert told == [(n, 8) for n in range(1, 9)]
    assert all(len({*one, *other}) == 6 for one, other in zip(steps[::2], steps[1::2], strict=True))
    assert len({str(step) for step in steps}) == 8


def test_few_examples_are_passed_over_until_there_are_steps_enough() -> None:
    assert OneCycle(n=7, batch=3, epochs=4, least_steps=13).n_steps == 14
    assert OneCycle(n=7, batch=3, epochs=4, least_steps=5).n_steps == 8
    steps, _, _ = ran(OneCycle(n=7, batch=3, epochs=1, least_steps=7))
    assert all(len({*one, *other}) == 6 for one, other in zip(steps[::2], steps[1::2], strict=True))


@pytest.mark.parametrize(("n", "n_steps"), [(0, 0), (1, 4), (2, 4)])
def test_fewer_examples_than_a_step_are_one_and_none_are_none(n: int, n_steps: int) -> None:
    steps, _, network = ran(OneCycle(n=n, batch=3, epochs=4, least_steps=2))
    assert [len(step) for step in steps] == [n] * n_steps
    assert all(each.isfinite().all() for each in network.parameters())


@pytest.mark.parametrize("epochs", range(1, 24))
def test_a_cycle_may_be_of_any_length(epochs: int) -> None:
    steps, _, network = ran(OneCycle(n=2, batch=3, epochs=epochs))
    assert len(steps) == epochs
    assert all(each.isfinite().all() for each in network.parameters())
