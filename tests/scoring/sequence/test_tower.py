"""What a state may depend on, and what it must depend on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.sequence.batches import Events, pad
from scoring.sequence.relative_bias import RelativeBias
from scoring.sequence.tower import SequenceTower
from tests.scoring.sequence.made import PURCHASE, tower, users

MODEL = tower()
SEVERAL = tower(n_interests=3)
HOUR_MS = 3_600_000


@pytest.mark.parametrize("model", [MODEL, SEVERAL], ids=["one", "several"])
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=8), st.data())
def test_a_later_event_changes_no_earlier_state(
    model: SequenceTower, items: list[int], draw: st.DataObject
) -> None:
    cut = draw.draw(st.integers(1, len(items) - 1))
    other = items[:cut] + [(item + 1) % 10 for item in items[cut:]]
    one, changed = model(pad(users(items))), model(pad(users(other)))
    torch.testing.assert_close(one[:, :cut], changed[:, :cut])
    apart = (one - changed)[:, cut:].abs().amax(dim=(0, 1, 3))  # (K,)
    assert (apart > 1e-3).all()


@pytest.mark.parametrize("model", [MODEL, SEVERAL], ids=["one", "several"])
def test_padding_changes_nothing(model: SequenceTower) -> None:
    alone = model(pad(users([4, 5])))
    beside_a_longer_one = model(pad(users([4, 5], [1, 2, 3, 4, 5, 6, 7])))
    torch.testing.assert_close(alone[0], beside_a_longer_one[0, :2])


def test_order_matters() -> None:
    one, other = MODEL(pad(users([1, 2, 3]))), MODEL(pad(users([2, 1, 3])))
    assert not torch.allclose(one[0, -1], other[0, -1], atol=1e-3)


def test_what_was_done_matters() -> None:
    clicks = pad(users([1, 2, 3]))
    bought = replace(clicks, actions=torch.tensor([[0, PURCHASE, 0]]))
    one, other = MODEL(replace(clicks, actions=torch.zeros(1, 3, dtype=torch.int64))), MODEL(bought)
    torch.testing.assert_close(one[0, 0], other[0, 0])
    assert not torch.allclose(one[0, 1:], other[0, 1:], atol=1e-3)


def test_the_time_between_events_matters_and_the_time_of_day_does_not() -> None:
    def last(*at_ms: int) -> torch.Tensor:
        state: torch.Tensor = MODEL(pad(users([1, 2, 3], at_ms=[at_ms])))[0, -1]
        return state

    soon = last(0, 1000, 2000)
    torch.testing.assert_close(last(HOUR_MS, HOUR_MS + 1000, HOUR_MS + 2000), soon)
    assert not torch.allclose(last(0, 1000, 100 * HOUR_MS), soon, atol=1e-3)


def test_gaps_fall_into_buckets_that_double_in_width() -> None:
    bias = RelativeBias(1, 4)
    with torch.no_grad():
        bias.by_gap[0] = torch.arange(32)
    made = bias(torch.tensor([[0, 1_000, 4_000, 68 * 365 * 24 * HOUR_MS]]))[0, 0]
    assert made[2].tolist() == [2, 2, 0, float("-inf")]  # 4 s, 3 s: between 3 and 7
    assert made[1].tolist()[:2] == [1, 0]
    assert made[3, 0] == 30


@pytest.mark.parametrize("n_interests", [1, 3])
@pytest.mark.parametrize("space", ["own", "text"])
def test_answers_and_items_are_unit_vectors_of_one_space(space: str, n_interests: int) -> None:
    model = tower(n_text=6, space=space, n_interests=n_interests)
    states, items = model(pad(users([1, 2, 3]))), model.item_space()
    assert states.shape[-1] == items.shape[1] == (6 if space == "text" else 16)
    torch.testing.assert_close(states.norm(dim=-1), torch.ones(1, 3, n_interests))
    torch.testing.assert_close(items.norm(dim=-1), torch.ones(10))


def test_a_cold_item_is_where_its_text_puts_it() -> None:
    warm = [True] * 9 + [False]
    vectors = tower(n_text=6, warm=warm).items
    assert vectors.text is not None
    assert vectors.project is not None
    every, words = vectors.all(), vectors.project(vectors.text)
    torch.testing.assert_close(every[9], words[9])
    torch.testing.assert_close(every[:9], words[:9] + vectors.ids)
    torch.testing.assert_close(vectors(torch.tensor([3, 9])), every[[3, 9]])


def test_text_is_never_trained() -> None:
    model: SequenceTower = tower(n_text=6, space="text")
    assert "items.text" not in dict(model.named_parameters())
    events: Events = pad(users([1, 2, 3]))
    (model(events) @ model.item_space().T).sum().backward()
    assert model.items.text is not None
    assert model.items.text.grad is None
    assert model.items.ids.grad is not None
