"""Padding, targets, and epochs that see everyone once."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.rings import RETURN
from scoring.sequence.batches import count_batches, epoch_of_users, pad, shift
from scoring.sequence.sequences import Sequences
from scoring.sequence.tower import N_ACTIONS
from tests.scoring.sequence.made import CLICK, users

NONE_UNWANTED = np.zeros(N_ACTIONS, np.bool_)


def test_padding_comes_last() -> None:
    events = pad(users([1, 2, 3], [4]))
    assert events.items.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert events.actions.tolist() == [[CLICK] * 3, [CLICK, 0, 0]]
    assert events.at_ms.tolist() == [[0, 1000, 2000], [0, 0, 0]]
    assert events.lengths.tolist() == [3, 1]


def test_the_target_of_an_event_is_the_item_after_it() -> None:
    events, targets = shift(users([1, 2, 3, 4], [5, 6]), NONE_UNWANTED)
    assert events.items.tolist() == [[1, 2, 3], [5, 6, 0]]
    assert targets.tolist() == [[2, 3, 4], [6, -1, -1]]
    assert events.lengths.tolist() == [3, 1]


def test_a_return_is_seen_but_never_aimed_at() -> None:
    clicks = users([1, 2, 3])
    actions = np.array([CLICK, RETURN, CLICK])
    sequences = Sequences(clicks.starts, clicks.items, actions, clicks.at_ms)
    unwanted = NONE_UNWANTED.copy()
    unwanted[RETURN] = True
    events, targets = shift(sequences, unwanted)
    assert events.items.tolist() == [[1, 2]]
    assert targets.tolist() == [[-1, 3]]


@pytest.mark.parametrize("n_events", [1, 7, 64, 10_000])
def test_an_epoch_has_everyone_once_in_as_many_batches_as_promised(n_events: int) -> None:
    lengths = np.random.default_rng(1).integers(1, 40, 300)
    for seed in range(3):
        parts = list(epoch_of_users(lengths, n_events, np.random.default_rng(seed)))
        assert len(parts) == count_batches(lengths, n_events)
        assert all(len(part) for part in parts)
        assert sorted(np.concatenate(parts).tolist()) == list(range(300))


def test_batches_are_of_like_size_and_little_of_them_is_padding() -> None:
    lengths = np.minimum(np.random.default_rng(2).geometric(0.15, 5_000), 50)
    parts = list(epoch_of_users(lengths, 512, np.random.default_rng(0)))
    sizes = np.array([lengths[part].sum() for part in parts])
    places = sum(len(part) * lengths[part].max() for part in parts)
    assert 400 < sizes.min() <= sizes.max() < 620
    assert lengths.sum() / places > 0.75
    assert places / (len(lengths) * 50) < 0.25  # without the order, four times as much


def test_two_epochs_are_two_orders_and_the_same_seed_is_one() -> None:
    lengths = np.random.default_rng(3).integers(1, 20, 200)
    one, same, other = (
        [part.tolist() for part in epoch_of_users(lengths, 50, np.random.default_rng(seed))]
        for seed in ((0, 0), (0, 0), (0, 1))
    )
    assert one == same
    assert one != other
