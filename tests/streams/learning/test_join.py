"""The join: what answers a list, and that neither order nor repetition of records matters."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events import Click, Impression
from streams.learning.answered_log import log_of
from streams.learning.answers import MOST_TIMES, Shown
from streams.learning.join import AnsweredList, Join
from streams.learning.shown_list import MadeList, ShownList
from streams.learning.watermark import Watermark

WINDOW = 100
Rec = MadeList | Impression | Click


def made(name: str, at_ms: int, items: Sequence[str] = ("a", "b", "c"), user: str = "u") -> Rec:
    return ShownList(
        recommendation_id=name,
        user_id=user,
        at_ms=at_ms + 7,
        event_at_ms=at_ms,
        shown_items=tuple(items),
        shown_propensities=tuple(1 / n for n in range(1, len(items) + 1)),
        shown_features=tuple((float(n),) for n in range(len(items))),
        features_version="x",
    ).made()


def shown(name: str, at_ms: int, items: Sequence[str] = ("a", "b"), user: str = "u") -> Rec:
    return Impression(recommendation_id=name, user_id=user, at_ms=at_ms, item_ids=tuple(items))


def did(event: str, at_ms: int, item: str, name: str | None = None, **more: Any) -> Rec:
    fields: dict[str, Any] = {"type": "click", "user_id": "u"} | more
    return Click(event_id=event, at_ms=at_ms, item_id=item, recommendation_id=name, **fields)


def joined(*records: Rec, through_ms: int = 10_000) -> tuple[list[AnsweredList], Join]:
    join = Join(WINDOW)
    for record in records:
        join.observe(record)
    return join.close(through_ms), join


def test_what_was_shown_and_not_answered_is_a_negative_and_what_was_not_shown_is_none() -> None:
    lists, _ = joined(
        made("l", 1_000),
        shown("l", 1_010),
        did("e1", 1_050, "b", "l", dwell_ms=20),
        did("e2", 1_060, "b", "l", type="purchase", price=2.5, quantity=2),
        did("e3", 1_070, "b", "l", type="cart", dwell_ms=5),
    )
    log = log_of(lists, ("x",))
    assert log.item_id.tolist() == ["a", "b", "c"]
    assert log.examined.tolist() == [True, True, False]
    assert log.clicked.tolist() == log.purchased.tolist() == log.carted.tolist()
    assert log.clicked.tolist() == [False, True, False]
    assert log.dwell_ms.tolist() == [0, 25, 0]
    assert log.value.tolist() == [0, 5, 0]
    assert log.reward_at_ms.tolist() == [-1, 1_050, -1]
    assert log.at_ms.tolist() == [1_000] * 3, "when the event was, not when the worker got to it"
    assert log.propensity.tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    np.testing.assert_array_equal(log.features, [[0], [1], [2]])


def test_ids_with_blanks_are_not_taken_for_those_of_others() -> None:
    """Joined into one text, these two pairs of ids are the same."""
    lists, join = joined(
        *(made("a b", 1_000, user="c"), shown("a b", 1_010, user="c")),
        *(made("a", 1_000, user="b c"), shown("a", 1_010, user="b c")),
        *(did("e f", 1_020, "b", user_id="c"), did("e", 1_030, "b", user_id="f c")),
        through_ms=1_200,
    )
    assert [each.made.user_id for each in lists] == ["b c", "c"]
    assert [list(each.answers) for each in lists] == [[], ["b"]]
    assert join.n_waiting == 2, "both clicks, for the lists that may still come"
    join.close(10_000)
    assert join.n_waiting == 0


@pytest.mark.parametrize(
    ("records", "count"),
    [
        ([made("l", 1_000)], "never_shown"),
        ([shown("l", 1_000)], "no_decision"),
        ([made("l", 1_000), shown("l", 1_000, user="v")], "other_user"),
        ([made("l", 1_000), shown("l", 1_101)], "too_far"),
        ([made("l", 1_000), shown("l", 999)], "too_far"),
    ],
)
def test_a_list_of_which_a_half_is_missing_is_counted_and_has_no_rows(
    records: list[Rec], count: str
) -> None:
    lists, join = joined(*records, did("e", 1_010, "a", "l"))
    assert lists == []
    assert join.counts[count] == 1
    assert join.counts["lost_answers"] == 1
    assert join.n_waiting == 0


@pytest.mark.parametrize(
    ("click", "count"),
    [
        (did("e", 999, "a", "l"), "early_answers"),
        (did("e", 1_050, "c", "l"), "unseen_answers"),
        (did("e", 1_111, "a", "l"), "lost_answers"),
        (did("e", 1_050, "a", "other"), "lost_answers"),
        (did("e", 1_050, "a", "l", user_id="v"), "lost_answers"),
    ],
)
def test_a_click_that_cannot_be_an_answer_is_counted_and_changes_nothing(
    click: Rec, count: str
) -> None:
    lists, join = joined(made("l", 1_000), shown("l", 1_010), click)
    assert lists[0].answers == {}
    assert join.counts[count] == 1


def test_a_click_that_names_no_list_answers_the_one_that_showed_its_item_last() -> None:
    lists, _ = joined(
        *(made(name, at) for name, at in [("l1", 1_000), ("l2", 1_020), ("l3", 1_040)]),
        *(shown(name, at) for name, at in [("l1", 1_000), ("l2", 1_020)]),
        shown("l3", 1_040, ["b"]),
        did("e1", 1_010, "a"),
        did("e2", 1_060, "a"),
        did("e3", 1_060, "b", "l1"),
        did("e4", 1_060, "c"),
    )
    answered = {each.made.recommendation_id: sorted(each.answers) for each in lists}
    assert answered == {"l1": ["a", "b"], "l2": ["a"], "l3": []}


def test_a_click_that_names_no_list_is_no_answer_to_what_was_shown_after_it() -> None:
    lists, _ = joined(
        made("l1", 1_000),
        made("l2", 1_040),
        shown("l1", 1_010, ["a"]),
        did("e", 1_050, "a"),
        shown("l2", 1_060, ["a"]),
    )
    assert [set(each.answers) for each in lists] == [{"a"}, set()]


def _open_at_once(rng: random.Random) -> list[Rec]:
    """Six lists of two items, shown again and again, and clicks of which each has a bit."""
    records = list[Rec]()
    for number in range(6):
        at_ms = rng.randrange(0, 300, 20)
        first_ms = at_ms + rng.randrange(0, WINDOW + 1, 20)
        records.append(made(f"l{number}", at_ms, "ab"))
        for item in "ab":
            again_ms = first_ms + rng.randrange(0, WINDOW + 1, 20)
            records.append(shown(f"l{number}", again_ms, item))
        bit, at_ms = float(2**number), rng.randrange(0, 500, 10)
        records.append(did(f"e{number}", at_ms, rng.choice("ab"), type="purchase", price=bit))
    return sorted(records, key=_at)


def test_a_click_is_one_answer_also_to_a_join_that_begins_again() -> None:
    """A restart reads from the horizon on, and must close the same lists from then on."""
    n_answers = 0
    for seed in range(1_000):
        rng = random.Random(seed)
        records, closed_ms = _open_at_once(rng), rng.randrange(100, 500, 10)
        whole, again = Join(WINDOW), Join(WINDOW)
        for record in records:
            whole.observe(record)
        before = whole.close(closed_ms)
        for record in records:
            if _at(record) >= whole.horizon_ms:
                again.observe(record)
        again.close(closed_ms)
        after = whole.close(10_000)
        assert after == again.close(10_000), seed
        counted = [int(a.value) for each in before + after for a in each.answers.values()]
        assert sum(counted) == np.bitwise_or.reduce([0, *counted]), seed
        n_answers += len(counted)
    assert n_answers > 1_000


def test_what_comes_behind_the_border_is_late_and_cannot_open_a_list_again() -> None:
    records = [made("l", 1_000), shown("l", 1_010), did("e", 1_050, "a", "l")]
    lists, join = joined(*records, through_ms=1_111)
    assert len(lists) == 1
    for record in records:
        join.observe(record)
    assert join.close(5_000) == []
    assert (join.counts["late"], join.counts["duplicates"]) == (2, 1)


def test_what_an_offline_shopper_sends_late_counts_as_long_as_its_list_is_open() -> None:
    """The event that asked for a list may be minutes old when it is made; so may answers be."""
    join = Join(WINDOW)
    join.observe(made("known", 950))
    join.observe(shown("known", 960))
    assert join.close(1_000) == []
    join.observe(did("e1", 970, "a", "known"))
    join.observe(made("late", 920))
    join.observe(shown("late", 1_005))
    join.observe(did("e2", 1_010, "b"))
    lists = join.close(2_000)
    answered = {each.made.recommendation_id: set(each.answers) for each in lists}
    assert answered == {"known": {"a"}, "late": {"b"}}
    assert join.counts["late"] == 0


def test_memory_is_bounded_and_of_one_user_the_oldest_go_first() -> None:
    join = Join(WINDOW, most=10)
    user = next(name for name in map(str, range(10_000)) if zlib.crc32(name.encode()) < 2**22)
    for n in range(100):
        records = (
            made(f"l{n}", n, user=user),
            shown(f"l{n}", n, user=user),
            did(f"e{n}", n, "a", f"l{n}", user_id=user),
        )
        for record in records:
            join.observe(record)
    assert join.n_waiting == 30
    assert join.counts["overflow"] == 3 * 90


def test_of_more_than_can_wait_some_users_are_joined_with_all_that_they_did() -> None:
    """The oldest are those that are due next: to drop them is to close no list ever again."""
    join, lists, most = Join(WINDOW, most=60), list[AnsweredList](), 0
    for n in range(2_000):
        user = f"u{n % 500}"
        if n < 1_000 or n % 20 == 0:  # then it is night
            join.observe(made(f"l{n}", n, user=user))
            join.observe(shown(f"l{n}", n, user=user))
            join.observe(did(f"e{n}", n + 1, "a", f"l{n}", user_id=user))
        lists += join.close(n // 10 * 10 - 5)
        most = max(most, join.n_waiting)
    assert most <= 3 * 60
    by_day = [each for each in lists if each.made.moment_ms < 1_000]
    by_night = [each for each in lists if each.made.moment_ms >= 1_700]
    assert 200 < len(by_day) < 600
    assert len({each.made.user_id for each in by_day}) < 300, "the same users again"
    assert all("a" in each.answers for each in lists)
    assert [each.made.moment_ms for each in by_night] == list(range(1_700, 1_900, 20)), "all again"


_names = st.sampled_from(["l1", "l2", "l3"])
_items = st.sampled_from(["a", "b", "c"])
_moments = st.integers(0, 400)
_records = st.one_of(
    st.builds(lambda name: made(name, 40 * int(name[1])), _names),
    st.builds(shown, _names, _moments, st.lists(_items, min_size=1, max_size=3, unique=True)),
    st.builds(
        lambda at, item, name: did(f"{at} {item} {name}", at, item, name),
        _moments,
        _items,
        st.none() | _names,
    ),
)


def test_what_is_shown_again_later_is_the_same_whenever_it_is_read() -> None:
    """By another clock before its decision; or, a list without one, before a click on another."""
    before = [made("l", 120), shown("l", 0), shown("l", 150)]
    again = [
        made("l", 120),
        shown("other", 0, ["b"]),
        shown("l", 120, ["b"]),
        shown("other", 121, ["a", "b"]),
        did("e", 121, "b"),
    ]
    in_order = [
        made("l1", 40),
        made("l2", 80),
        shown("l1", 0, ["a"]),
        shown("l1", 101, ["a"]),
        shown("l2", 101, ["a"]),
        did("e", 110, "a"),
    ]
    for records, n_lists in ((before, 1), (again, 1), (in_order, 2)):
        at_once, _ = joined(*records)
        join, closed = Join(WINDOW), list[AnsweredList]()
        for record in sorted(records, key=_at):
            join.observe(record)
            closed += join.close(_at(record))
        assert len(at_once) == n_lists
        assert closed + join.close(10_000) == at_once


@given(st.permutations(range(3 * MOST_TIMES)))
def test_a_list_that_is_shown_all_the_time_keeps_the_first_of_it(moments: list[int]) -> None:
    """As by a page that reports each movement: memory is bounded by lists, not by these."""
    kept = Shown("l", "u", {})
    for at_ms in moments:
        kept = kept.also(["a", "b"], at_ms)
    assert kept.items == dict.fromkeys("ab", tuple(range(MOST_TIMES)))


@given(st.lists(_records, max_size=25), st.randoms(use_true_random=False), st.integers(0, 80))
def test_any_order_within_the_lateness_gives_the_same_lists(
    records: list[Rec], rng: random.Random, lateness: int
) -> None:
    """Repeated records, retries and several partitions reorder; the learner must not notice."""
    at_once, _ = joined(*records)
    late = sorted(records, key=lambda each: _at(each) + rng.uniform(0, lateness))
    late = [each for record in late for each in [record] * rng.choice([1, 1, 2])]
    join, closed = Join(WINDOW), list[AnsweredList]()
    mark = Watermark([("t", 0)], lateness)
    for record in late:
        join.observe(record)
        mark.observe(("t", 0), _at(record), 0)
        closed += join.close(mark.at_ms or 0)
    closed += join.close(10_000)
    assert closed == at_once
    assert join.counts["late"] == 0


def _at(record: Rec) -> int:
    return record.moment_ms if isinstance(record, MadeList) else record.at_ms


def test_a_partition_that_lags_holds_the_mark_until_it_has_long_been_silent() -> None:
    now = [0.0]
    sources = [("t", 0), ("t", 1), ("t", 2)]
    mark = Watermark(sources, 10, idle_s=30, clock=lambda: now[0])
    for source, at_ms in zip(sources[:2], [1_000, 2_000], strict=True):
        mark.observe(source, at_ms, 0)
    read = [mark.at_ms]  # the third may have anything
    for now[0] in range(1, 30):
        mark.observe(sources[1], 3_000, 0)
    now[0] = 31.0
    read.append(mark.at_ms)  # two say nothing any more
    mark.observe(sources[0], 1_500, 0)
    read.append(mark.at_ms)
    assert read == [None, 2_990, 2_990]


def test_a_partition_is_not_idle_because_reading_stood_still() -> None:
    """A broker restarts for minutes, and then the backlog of one partition is read first."""
    now = [0.0]
    sources = [("t", 0), ("t", 1)]
    mark = Watermark(sources, 10, idle_s=30, clock=lambda: now[0])
    for source in sources:
        mark.observe(source, 1_000, 0)
    now[0] = 300.0
    mark.observe(sources[0], 300_000, 0)
    assert mark.at_ms == 990, "the other's backlog is still to come"
    for now[0] in range(301, 340):
        mark.observe(sources[0], 300_000, 0)
    assert mark.at_ms == 299_990, "it had none, and has been silent while the first was read"


def test_a_clock_that_is_ahead_does_not_make_the_others_late() -> None:
    """One shopper of a partition whose telephone is four minutes ahead of its messages."""
    join, mark = Join(WINDOW), Watermark([("t", 0)], 20)
    for number in range(100):
        ahead_ms = 240 if number % 7 == 0 else 0
        at_ms, user = 1_000 + 10 * number + ahead_ms, f"u{number}"
        records = [
            made(f"l{number}", at_ms, user=user),
            shown(f"l{number}", at_ms + 1, user=user),
            did(f"e{number}", at_ms + 2, "b", f"l{number}", user_id=user),
        ]
        for record in records:
            join.observe(record)
            mark.observe(("t", 0), _at(record), _at(record) - ahead_ms)
        join.close(mark.at_ms or 0)
    join.close(10_000)
    assert join.counts["lists"] == 100
    assert join.counts["late"] == 0
