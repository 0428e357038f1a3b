"""Clicks by what they may answer, beside a plain search through all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.events import Click
from streams.learning.user_clicks import UserClicks

_clicks = st.builds(
    lambda event, item, name, at: Click(
        event_id=event,
        user_id="guest",
        item_id=item,
        type="click",
        at_ms=at,
        recommendation_id=name,
    ),
    st.sampled_from(["e1", "e2", "e3", "e4"]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["l1", "l2", None]),
    st.integers(0, 3),
)


@given(st.lists(st.tuples(_clicks, st.booleans()), max_size=20))
def test_a_list_is_given_what_may_answer_it(changes: list[tuple[Click, bool]]) -> None:
    clicks, plain = UserClicks(), dict[str, Click]()
    for click, is_kept in changes:
        if is_kept:
            clicks.put(click)
            plain[click.event_id] = click
        else:
            clicks.drop(click.event_id)
            plain.pop(click.event_id, None)
    assert len(clicks) == len(plain)
    assert {event: clicks.get(event) for event in plain} == plain
    for name, items in (("l1", ["a"]), ("l2", ["a", "b"]), ("l3", ["b"])):
        found = list(clicks.that_may_answer(name, items))
        expected = [
            each
            for each in plain.values()
            if each.recommendation_id == name
            or (each.recommendation_id is None and each.item_id in items)
        ]
        assert sorted(each.event_id for each in found) == sorted(e.event_id for e in expected)
        assert all(plain[each.event_id] == each for each in found)
