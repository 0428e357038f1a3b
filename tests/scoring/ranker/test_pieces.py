"""Columns in pieces: what they say, and that heads have them wherever heads go."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scoring.errors import RankerError
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces
from scoring.ranker.united import united

_ROWS = np.array([[0.0, 1.0], [4.0, 2.0], [8.0, 4.0], [12.0, 8.0], [16.0, 16.0]], np.float32)


def pieces() -> Pieces:
    """Two of the second column: 1 to 4, and 4 to 16."""
    found = Pieces.of(_ROWS, (1,), 2)
    assert found is not None
    return found


def test_a_value_has_come_so_far_in_each_piece() -> None:
    asked = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 2.5], [0.0, 4.0], [0.0, 13.0], [0.0, 99.0]])
    expected = [[-1.0, -1.0], [-1.0, -1.0], [0.0, -1.0], [1.0, -1.0], [1.0, 0.5], [1.0, 1.0]]
    assert pieces()(asked).tolist() == expected


def test_quantiles_that_fall_together_are_one() -> None:
    rows = np.array([[7.0], [7.0], [7.0], [9.0]], np.float32)
    found = Pieces.of(rows, (0,), 4)
    assert found is not None
    assert (found.middles - found.halves).tolist() == [7.0, 7.5]
    assert Pieces.of(rows[:3], (0,), 4) is None
    assert Pieces.of(rows[:0], (0,), 4) is None


def made(n_hidden: int = 2, n_networks: int = 3) -> HeadsNetwork:
    torch.manual_seed(0)
    parts = [
        HeadsNetwork(2, 2, width=5, n_hidden=n_hidden, pieces=pieces()) for _ in range(n_networks)
    ]
    return united(parts).eval()


@pytest.mark.parametrize("n_hidden", [0, 2])
@pytest.mark.parametrize("n_networks", [1, 3])
def test_heads_with_pieces_arrive_and_are_served_as_they_were_taught(
    n_hidden: int, n_networks: int
) -> None:
    network = made(n_hidden, n_networks)
    asked = 6 * torch.randn(50, 2)
    with torch.no_grad():
        expected = torch.sigmoid(network(asked)).numpy()
    heads = Heads.of(("a", "b"), ("ctr", "cvr"), network)
    got = Heads.from_bytes(heads.to_bytes())
    assert got.version == heads.version
    assert got.score(asked.numpy()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("name", "wrong"), [("columns", 2), ("columns", -1), ("halves", 0)])
def test_pieces_of_nothing_are_refused(name: str, wrong: int) -> None:
    network = made()
    network.get_buffer(f"pieces.{name}")[0] = wrong
    with pytest.raises(RankerError, match="a piece"):
        Heads.of(("a", "b"), ("ctr", "cvr"), network)
