"""Lists by item and time, beside a plain search through all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.learning.answers import Shown
from streams.learning.user_lists import UserLists

_lists = st.builds(
    lambda name, items: Shown(name, "guest", {item: tuple(at) for item, at in items.items()}),
    st.sampled_from(["l1", "l2", "l3", "l4"]),
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True).map(sorted),
        min_size=1,
    ),
)


@given(st.lists(st.tuples(_lists, st.booleans()), max_size=20))
def test_the_list_that_showed_an_item_last_is_found(changes: list[tuple[Shown, bool]]) -> None:
    lists, plain = UserLists(), dict[str, Shown]()
    for shown, is_kept in changes:
        if is_kept:
            lists.put(shown)
            plain[shown.recommendation_id] = shown
        else:
            lists.drop(shown.recommendation_id)
            plain.pop(shown.recommendation_id, None)
    assert len(lists) == len(plain)
    for name in ("l1", "l2", "l3", "l4"):
        assert lists.get(name) == plain.get(name)
        assert (name in lists) == (name in plain)
    for item in ("a", "b", "c"):
        for until_ms in range(-1, 7):
            places = [
                (each.items[item][0], name)
                for name, each in plain.items()
                if item in each.items and each.items[item][0] <= until_ms
            ]
            expected = max(places)[1] if places else None
            assert lists.showed_last(item, until_ms) == expected
