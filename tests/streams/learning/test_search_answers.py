"""Which item was wanted after which words: by list, or by user and time; in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.events import Click, Search
from streams.learning.search_answers import SearchAnswers, Wanted

WINDOW_MS = 100


def search(event: str, at_ms: int, user: str = "ann", **more: object) -> Search:
    return Search(
        event_id=event,
        user_id=user,
        type="search",
        query=f"words of {event}",
        at_ms=at_ms,
        **more,  # type: ignore[arg-type]
    )


def click(item: str | None, at_ms: int, user: str = "ann", **more: object) -> Click:
    found = {"type": "click", "event_id": f"{user}-{item}-{at_ms}"} | more
    return Click(user_id=user, item_id=item, at_ms=at_ms, **found)  # type: ignore[arg-type]


def wanted(searches: list[tuple[Search, str]], clicks: list[Click]) -> list[Wanted]:
    answers = SearchAnswers(WINDOW_MS)
    for each, list_id in searches:
        answers.search(each, list_id)
    for each_click in clicks:
        answers.click(each_click)
    return list(answers.wanted())


def pairs(searches: list[tuple[Search, str]], clicks: list[Click]) -> set[tuple[str, str, int]]:
    return {(each.event_id, each.item_id, each.score) for each in wanted(searches, clicks)}


ASKED = [(search("s1", 10), "l1"), (search("s2", 50), "l2"), (search("s1", 20, "bob"), "l3")]


def test_a_click_answers_its_list_or_else_the_latest_search() -> None:
    assert pairs(ASKED, [click("mug", 60)]) == {("s2", "mug", 1)}
    assert pairs(ASKED, [click("mug", 50)]) == {("s2", "mug", 1)}
    assert pairs(ASKED, [click("mug", 49)]) == {("s1", "mug", 1)}
    assert pairs(ASKED, [click("mug", 60, recommendation_id="l1")]) == {("s1", "mug", 1)}
    assert pairs(ASKED, [click("mug", 60, "bob")]) == {("s1", "mug", 1)}


def test_what_answers_no_search_is_no_row() -> None:
    unasked = [
        click("mug", 9),
        click("mug", 151),
        click("mug", 111, recommendation_id="l1"),
        click("mug", 60, recommendation_id="l3"),
        click("mug", 60, recommendation_id="of a visit"),
        click("mug", 60, "eve"),
        click("mug", 60, type="remove_from_cart"),
        click(None, 60, type="visit"),
    ]
    answers = SearchAnswers(WINDOW_MS)
    for each, list_id in ASKED:
        answers.search(each, list_id)
    for one in unasked:
        answers.click(one)
    assert not list(answers.wanted())
    assert answers.counts == {"searches": 3, "unasked": 6}
    assert pairs(ASKED, [click("mug", 150), click("cup", 110, recommendation_id="l1")]) == {
        ("s2", "mug", 1),
        ("s1", "cup", 1),
    }, "the window's end belongs to it"


def test_the_strongest_answer_counts() -> None:
    done = [click("mug", 60, type=kind) for kind in ("view", "purchase", "cart")]
    assert pairs(ASKED, done) == {("s2", "mug", 3)}
    assert pairs(ASKED, [click("mug", 60, type="favorite")]) == {("s2", "mug", 2)}


def test_what_is_simulated_stays_marked() -> None:
    (row,) = wanted(ASKED, [click("mug", 60), click("mug", 61, simulated=True)])
    assert row.simulated
    (row,) = wanted([(search("s", 1, simulated=True), "l")], [click("mug", 2)])
    assert row.simulated
    (row,) = wanted(ASKED, [click("mug", 60)])
    assert not row.simulated


_searches = st.builds(
    lambda event, at_ms, user: search(event, at_ms, user),
    st.sampled_from(["s1", "s2", "s3"]),
    st.integers(0, 200),
    st.sampled_from(["ann", "bob"]),
)
_clicks = st.builds(
    lambda item, at_ms, user, kind, name: click(
        item, at_ms, user, type=kind, recommendation_id=name
    ),
    st.sampled_from(["mug", "cup"]),
    st.integers(0, 300),
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["view", "cart", "purchase"]),
    st.sampled_from([None, "l0", "l1", "l2", "l3"]),
)


@given(
    st.lists(_searches, max_size=6),
    st.lists(_clicks, max_size=8),
    st.randoms(use_true_random=False),
)
def test_order_and_repetition_change_nothing(
    searches: list[Search], clicks: list[Click], chance: object
) -> None:
    asked = [(each, f"l{number}") for number, each in enumerate(searches)]
    plain = wanted(asked, clicks)
    again, more = asked + asked[:2], clicks + clicks[:3]
    chance.shuffle(again)  # type: ignore[attr-defined]
    chance.shuffle(more)  # type: ignore[attr-defined]
    assert wanted(again, more) == plain
    assert sorted(plain) == plain
    for row in plain:
        (moment,) = {min(e.at_ms for e in searches if (e.user_id, e.event_id) == row[1:3])}
        assert row.at_ms == moment
        assert any(
            0 <= each.at_ms - moment <= WINDOW_MS and each.item_id == row.item_id
            for each in clicks
            if each.user_id == row.user_id
        )
