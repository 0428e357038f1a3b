"""Users as columns, and who is asked about what."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.errors import SequenceError
from scoring.sequence.sequences import Sequences, leave_one_out
from tests.scoring.sequence.made import users


def listed(sequences: Sequences) -> list[list[int]]:
    return [items.tolist() for items in sequences.each()]


def test_events_are_grouped_by_user_and_put_in_order_of_time() -> None:
    made = Sequences.of(
        users=np.array([1, 0, 1, 0, 1]),
        items=np.array([10, 20, 11, 21, 12]),
        actions=np.array([0, 1, 2, 3, 4]),
        at_ms=np.array([300, 50, 100, 50, 200]),
    )
    assert listed(made) == [[20, 21], [11, 12, 10]]
    assert made.actions.tolist() == [1, 3, 2, 4, 0]
    assert made.at_ms.tolist() == [50, 50, 100, 200, 300]


def test_some_users_are_taken_in_the_order_asked_for_and_without_their_last_events() -> None:
    made = users([1, 2, 3], [4], [5, 6, 7, 8])
    chosen = made.select(np.array([2, 0, 1]), without_last=1)
    assert listed(chosen) == [[5, 6, 7], [1, 2], []]
    assert chosen.at_ms.tolist() == [0, 1000, 2000, 0, 1000]


def test_the_latest_events_are_those_at_the_end() -> None:
    assert listed(users([1, 2, 3], [4], [5, 6, 7, 8]).last(2)) == [[2, 3], [4], [7, 8]]


def test_long_users_become_windows_that_share_an_event() -> None:
    made = users([1, 2, 3, 4, 5, 6], [7], [8, 9, 10], [11, 12, 13, 14])
    windows = [[1, 2], [2, 3, 4], [4, 5, 6], [7], [8, 9, 10], [11, 12], [12, 13, 14]]
    assert listed(made.windows(3)) == windows
    assert listed(made.windows(99)) == listed(made)


def test_every_step_is_in_one_window() -> None:
    rng = np.random.default_rng(4)
    made = users(*[rng.integers(0, 9, n).tolist() for n in rng.integers(1, 30, 40)])
    for most in (2, 5, 8):
        cut = made.windows(most)
        assert cut.lengths.max() <= most
        assert (cut.lengths - 1).sum() == (made.lengths - 1).sum()


def test_leave_one_out_by_hand() -> None:
    split = leave_one_out(users([1, 2, 3, 4], [5, 6], [7, 8, 9]))
    assert listed(split.train) == [[1, 2], [7], [5, 6]]
    assert listed(split.validation.pasts) == [[1, 2], [7]]
    assert split.validation.targets.tolist() == [3, 8]
    assert listed(split.test.pasts) == [[1, 2, 3], [7, 8]]
    assert split.test.targets.tolist() == [4, 9]


def test_nothing_of_the_future_is_trained_on() -> None:
    rng = np.random.default_rng(0)
    made = users(*[rng.permutation(100)[: rng.integers(3, 9)].tolist() for _ in range(50)])
    split = leave_one_out(made)
    for past, target, asked, last in zip(
        split.train.each(),
        split.validation.targets,
        split.test.pasts.each(),
        split.test.targets,
        strict=True,
    ):
        assert target not in past
        assert last not in asked
        assert [*past, target] == asked.tolist()


def test_columns_of_unequal_length_are_refused() -> None:
    three = np.zeros(3, np.int64)
    with pytest.raises(SequenceError, match="3 items, 2 actions"):
        Sequences(np.array([0, 3]), three, three[:2], three)
