"""A tower learns, through the product's own loop, what can be learned, and not what cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from scoring.balancing import FixedWeights
from scoring.errors import SequenceError
from scoring.rings import RETURN
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.next_item import NextItem, NextItemSettings
from scoring.sequence.sequences import Sequences, leave_one_out
from scoring.sequence.tower import SequenceTower, TowerSettings
from scoring.training.loop import fit
from scoring.training.settings import LoopSettings
from tests.scoring.sequence.made import users

N_ITEMS = 30


def cycle() -> Sequences:
    """200 users who walk along a circle of 30 items, from anywhere, 4 to 9 steps."""
    rng = np.random.default_rng(0)
    walks = []
    for _ in range(200):
        first, length = rng.integers(N_ITEMS), rng.integers(4, 10)
        walks.append(((first + np.arange(length)) % N_ITEMS).tolist())
    return users(*walks)


def learn(
    sequences: Sequences, epochs: int = 12, n_interests: int = 1, **settings: object
) -> dict[str, float]:
    """NDCG@10 and HR@10 of the validation after a short training."""
    torch.manual_seed(0)
    tower = SequenceTower(
        TowerSettings(width=16, n_blocks=1, length=10, dropout=0.0, n_interests=n_interests),
        ItemVectors(N_ITEMS, 16, None, None),
    )
    split = leave_one_out(sequences)
    chosen = NextItemSettings(**{"n_events": 128, "n_negatives": 64, "power": 0.0} | settings)  # type: ignore[arg-type]
    task = NextItem(tower, split.train, split.validation, chosen)
    loop = LoopSettings(epochs=epochs, learning_rate=0.02, weight_decay=0.0, measure="ndcg@10")
    return dict(fit(task, loop, FixedWeights(["next"])).measures)


@pytest.mark.parametrize(
    ("loss", "n_interests"),
    [("full", 1), ("sampled", 1), ("binary", 1), ("full", 3), ("sampled", 3)],
)
def test_a_cycle_is_learned(loss: str, n_interests: int) -> None:
    assert learn(cycle(), loss=loss, n_interests=n_interests)["ndcg@10"] > 0.95


def test_one_negative_is_for_one_interest() -> None:
    with pytest.raises(SequenceError, match='n_interests is 2: loss = "binary" is for one'):
        learn(cycle(), loss="binary", n_interests=2)


def test_what_follows_from_nothing_is_not_learned() -> None:
    rng = np.random.default_rng(0)
    noise = users(*[rng.permutation(N_ITEMS)[:6].tolist() for _ in range(200)])
    assert learn(noise, epochs=3)["hr@10"] < 0.6  # 10 of 26 items not had: .38 by chance


def test_an_action_decides_what_comes_next() -> None:
    """Four actions, each of which is followed by another step; items alone tell one in four."""
    rng = np.random.default_rng(1)
    steps, walks, actions = np.array([1, 4, 6, 8]), [], []
    for _ in range(300):
        done = rng.integers(0, 4, 8)
        steps_taken = np.concatenate([[0], np.cumsum(steps[done[:-1]])])
        walks.append(((rng.integers(N_ITEMS) + steps_taken) % N_ITEMS).tolist())
        actions.append(done)
    plain = users(*walks)
    told = replace(plain, actions=np.concatenate(actions))
    assert learn(told)["ndcg@10"] > 0.9 > 0.8 > learn(plain)["ndcg@10"]


def test_batches_are_a_function_of_epoch_and_seed() -> None:
    split = leave_one_out(cycle())
    tower = SequenceTower(TowerSettings(length=10), ItemVectors(N_ITEMS, 64, None, None))

    def drawn(seed: int, epoch: int) -> list[list[int]]:
        settings = NextItemSettings(loss="sampled", n_negatives=5, n_events=64, seed=seed)
        task = NextItem(tower, split.train, split.validation, settings)
        batches = list(task.batches(epoch))
        assert len(batches) == task.n_batches
        return [[*batch.negatives.tolist(), *batch.targets.flatten().tolist()] for batch in batches]

    assert drawn(0, 3) == drawn(0, 3)
    assert drawn(0, 3) != drawn(0, 4)
    assert drawn(0, 3) != drawn(1, 3)


def test_users_who_only_returned_things_are_left_out_and_returns_are_no_targets() -> None:
    walks = users([1, 2], [3, 4, 5], [6, 7])
    returned = replace(walks, actions=np.array([0, RETURN, 0, RETURN, 0, RETURN, 0]))
    tower = SequenceTower(TowerSettings(length=10), ItemVectors(N_ITEMS, 64, None, None))
    settings = NextItemSettings(n_events=1)
    task = NextItem(tower, returned, leave_one_out(cycle()).validation, settings)
    batches = list(task.batches(0))
    assert sorted(batch.events.items.tolist() for batch in batches) == [[[3, 4]], [[6]]]
    assert sorted(batch.targets.tolist() for batch in batches) == [[[-1, 5]], [[7]]]
    fit(task, LoopSettings(epochs=1, learning_rate=0.01), FixedWeights(["next"]))


def test_older_events_are_learned_from_if_asked_for() -> None:
    long = users(list(range(25)), [0, 1])
    tower = SequenceTower(TowerSettings(length=10), ItemVectors(N_ITEMS, 64, None, None))

    def targets(*, older: bool) -> set[int]:
        settings = NextItemSettings(older=older)
        task = NextItem(tower, long, leave_one_out(cycle()).validation, settings)
        [batch] = task.batches(0)
        assert batch.events.items.shape[1] == 10
        return set(batch.targets[batch.targets >= 0].tolist())

    assert targets(older=False) == {1, *range(15, 25)}
    assert targets(older=True) == set(range(1, 25))


def test_users_with_a_single_event_teach_nothing() -> None:
    tower = SequenceTower(TowerSettings(), ItemVectors(N_ITEMS, 64, None, None))
    with pytest.raises(SequenceError, match="none of 2 users has two events, the later"):
        NextItem(tower, users([1], [2]), leave_one_out(cycle()).validation, NextItemSettings())
