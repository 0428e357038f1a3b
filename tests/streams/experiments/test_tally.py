"""Counting an experiment's lists and events: against a plain recount, and at its edges."""

import random
from collections import Counter
from typing import Any

from streams.events import Click
from streams.experiments.tally import Tally
from streams.outputs import Recommendation, Trigger


def a_list(number: int, user: str, variant: str | None, at_ms: int, **more: Any) -> Recommendation:
    return Recommendation(
        recommendation_id=f"r{number}",
        user_id=user,
        at_ms=at_ms + 3,
        trigger=Trigger(
            event_id="e", type="visit", at_ms=at_ms, topic="clicks", partition=0, offset=number
        ),
        items=(),
        **({"experiment": "x", "variant": variant} | more),
    )


def did(number: int, user: str, kind: str, at_ms: int, **more: Any) -> Click:
    return Click(event_id=f"e{number}", user_id=user, type=kind, item_id="i", at_ms=at_ms, **more)  # type: ignore[arg-type]


def tally_of(*read: Recommendation | Click) -> Tally:
    tally = Tally("x", ["a", "b"])
    for each in read:
        tally.take_list(each) if isinstance(each, Recommendation) else tally.take_event(each)
    return tally


def test_counts_are_those_of_a_plain_recount() -> None:
    rng = random.Random(4)
    variant = {f"u{n}": rng.choice("ab") for n in range(30)}
    lists = [
        a_list(n, u, variant[u], rng.randrange(1000))
        for n, u in enumerate(rng.choices(list(variant), k=200))
    ]
    kinds = ["view", "click", "cart", "purchase", "return", "review"]
    events = [
        did(
            n,
            user := rng.choice(list(variant)),
            rng.choice(kinds),
            rng.randrange(1500),
            price=rng.choice([None, 2.5]),
            quantity=rng.choice([None, 3]),
            recommendation_id=rng.choice([None, f"r{rng.randrange(250)}"]),
        )
        for n in range(2000)
    ]
    found = tally_of(*lists, *events)
    for user in variant:
        own = [each for each in lists if each.user_id == user]
        if not own:
            assert user not in found.users
            continue
        first = min(each.trigger.at_ms for each in own)
        later = [each for each in events if each.user_id == user and each.at_ms > first]
        n = Counter(each.type for each in later)
        worth = {
            kind: sum((e.price or 0) * (e.quantity or 1) for e in later if e.type == kind)
            for kind in ("purchase", "return")
        }
        ids = {each.recommendation_id for each in own}
        named = {each.recommendation_id for each in later if each.type != "return"}
        seen = found.users[user]
        assert seen.variant == variant[user]
        assert (seen.lists, seen.clicks) == (len(own), n["view"] + n["click"])
        assert (seen.carts, seen.purchases) == (n["cart"], n["purchase"])
        assert seen.revenue == worth["purchase"] - worth["return"]
        assert seen.answered == len(ids & named)


def test_what_came_before_the_first_list_is_not_counted() -> None:
    found = tally_of(
        a_list(1, "ann", "a", 100),
        a_list(2, "ann", "a", 50),
        did(1, "ann", "purchase", 50),
        did(2, "ann", "purchase", 51),
    )
    assert found.users["ann"].purchases == 1, "the event that the first list answers is before it"


def test_nothing_counts_twice_and_other_experiments_do_not_count() -> None:
    twice = a_list(1, "ann", "a", 0)
    found = tally_of(
        twice,
        twice,
        a_list(2, "bob", "a", 0, experiment="y"),
        a_list(3, "eve", None, 0, experiment=None),
        did(1, "ann", "view", 5),
        did(1, "ann", "view", 5),
        did(2, "bob", "view", 5),
    )
    assert found.users.keys() == {"ann"}
    assert (found.users["ann"].lists, found.users["ann"].clicks) == (1, 1)
    skipped = found.skipped
    assert (skipped.lists_twice, skipped.events_twice, skipped.lists_outside) == (1, 1, 2)


def test_an_event_of_another_user_under_the_same_id_counts() -> None:
    """Ids are counted within a user everywhere else, and some shops number a session's events."""
    found = tally_of(
        a_list(1, "ann", "a", 0),
        a_list(2, "bob", "b", 0),
        did(1, "ann", "view", 5),
        did(1, "bob", "view", 5),
    )
    assert [each.clicks for each in found.users.values()] == [1, 1]
    assert found.skipped.events_twice == 0


def test_who_had_lists_of_two_variants_tells_nothing_of_either() -> None:
    lists = [a_list(n, "ann", variant, n) for n, variant in enumerate("abaa")]
    found = tally_of(*lists, did(1, "ann", "view", 9))
    assert found.users == {}
    assert found.skipped.users_moved == 1


def test_a_list_is_answered_by_its_own_user_only() -> None:
    found = tally_of(
        a_list(1, "ann", "a", 0),
        a_list(2, "bob", "b", 0),
        did(1, "bob", "click", 5, recommendation_id="r1"),
    )
    assert [each.answered for each in found.users.values()] == [0, 0]
