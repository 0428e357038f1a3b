"""Splits and samples: nothing is in two parts, nothing depends on the order of rows."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.errors import RecipeError
from scoring.training.sampling import EndlessOrder, rows_by_task
from scoring.training.split import first_of_each, split

texts = st.lists(st.text("abc ", max_size=4), max_size=40)


@given(texts, st.floats(0, 1), st.randoms(use_true_random=False))
def test_a_split_parts_texts_and_does_not_know_their_order(rows, share, rng) -> None:  # type: ignore[no-untyped-def]
    part, rest = split(rows, str, share, "test", 0)
    assert Counter(part) + Counter(rest) == Counter(rows)
    assert not set(part) & set(rest)
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert set(split(shuffled, str, share, "test", 0)[0]) == set(part)


def test_a_share_is_about_that_share_and_salts_are_independent() -> None:
    rows = [f"text {n}" for n in range(4_000)]
    test, rest = split(rows, str, 0.2, "test", 0)
    assert len(test) == pytest.approx(800, abs=80)
    again = split(rest, str, 0.5, "validation", 0)[0]
    assert len(again) == pytest.approx(1_600, abs=120)
    assert split(rows, str, 0.2, "test", 1)[0] != test


def test_the_same_text_in_another_case_stays_on_its_side() -> None:
    part, rest = split(["Red  Mug", "red mug", "RED MUG "], str, 0.5, "test", 3)
    assert {len(part), len(rest)} == {0, 3}


def test_a_few_of_each_group() -> None:
    rows = [(group, f"{group}{n}") for group in "ab" for n in range(9)] + [("c", "only")]
    kept = first_of_each(rows, lambda row: row[0], lambda row: row[1], 3, seed=0)
    assert Counter(group for group, _ in kept) == {"a": 3, "b": 3, "c": 1}
    others = first_of_each(rows, lambda row: row[0], lambda row: row[1], 3, seed=1)
    assert set(kept) != set(others)


def test_a_temperature_of_one_keeps_proportions_and_a_high_one_evens_them() -> None:
    sizes = {"large": 9_000, "small": 1_000}
    assert rows_by_task(sizes, 24, 1) == {"large": 20, "small": 4}
    assert rows_by_task(sizes, 24, 2) == {"large": 17, "small": 7}  # 3 : 1 of the 20 free rows
    assert rows_by_task(sizes, 24, 1e9) == {"large": 12, "small": 12}


@given(
    st.dictionaries(st.text(min_size=1), st.integers(1, 10**6), min_size=1, max_size=6),
    st.integers(12, 200),
    st.floats(1, 50),
)
def test_a_step_has_all_its_rows_and_some_of_each_task(
    sizes: dict[str, int], batch_size: int, temperature: float
) -> None:
    counts = rows_by_task(sizes, batch_size, temperature)
    assert sum(counts.values()) == batch_size
    assert min(counts.values()) >= 2


def test_a_batch_too_small_for_its_tasks_is_refused() -> None:
    with pytest.raises(RecipeError, match="batch_size 5 is too small for 3 tasks: 6 at least"):
        rows_by_task({"a": 1, "b": 1, "c": 1}, 5, 1)


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 40))
def test_an_order_shows_each_row_once_a_pass_and_can_be_entered_anywhere(
    size: int, step: int, start: int
) -> None:
    order = EndlessOrder(size, seed=3, task=1)
    walked = [row for at in range(0, 5 * size, step) for row in order.rows(at, step)]
    for number in range(4):
        assert sorted(walked[number * size : (number + 1) * size]) == list(range(size))
    if size > 6:
        assert len({tuple(walked[n * size : (n + 1) * size]) for n in range(4)}) > 1
    place = min(start, len(walked))
    entered = EndlessOrder(size, seed=3, task=1).rows(place, len(walked) - place)
    assert entered == walked[place:]
