"""Simulated users: what they send, what they do with lists, and what is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.simulation import CascadingShoppers, ExaminingShoppers
from streams.errors import BadFileError
from streams.events import Click, Impression, Search
from streams.items import Item
from streams.outputs import Recommendation, RecommendedItem, Tasks, Trigger
from streams.simulation.shop import SimulatedShop
from streams.simulation.users import Sent, SimulatedUsers

WORDS = ("red mug", "blue mug", "garden gnome", "silver ring", "paper lamp", "wool scarf")
ITEMS = [
    Item(item_id=f"i{n}", title=f"{WORDS[n % 6]} number{n}", price=1.0 + n % 7) for n in range(60)
]
SHOP = SimulatedShop(ITEMS)


def crowd(
    n_users: int = 30, seed: int = 0, searches: float = 0.2, patience_ms: int = 10_000
) -> SimulatedUsers:
    return SimulatedUsers(
        ExaminingShoppers(SHOP.wares),
        SHOP,
        n_users=n_users,
        seed=seed,
        run="t",
        search_share=searches,
        patience_ms=patience_ms,
    )


def listed(event: Sent, ids: list[str], number: int = 0) -> Recommendation:
    assert isinstance(event, Click | Search)
    trigger = Trigger(
        event_id=event.event_id, type=event.type, at_ms=1, topic="t", partition=0, offset=number
    )
    items = tuple(
        RecommendedItem(
            item_id=item_id, rank=rank, score=0.0, tasks=Tasks(), propensity=1.0, reason=""
        )
        for rank, item_id in enumerate(ids, start=1)
    )
    return Recommendation(
        recommendation_id=f"r-{event.event_id}",
        user_id=event.user_id,
        at_ms=1,
        trigger=trigger,
        items=items,
    )


def lived(users: SimulatedUsers, n_visits: int) -> list[Sent]:
    """So many visits, each with a list of ten that turns over the shop; all records in order."""
    records: list[Sent] = []
    for number in range(n_visits):
        event = users.visit(1_000 * number)
        if event is None:
            break
        records.append(event)
        ids = [f"i{(number * 7 + one) % 60}" for one in range(10)]
        records += users.look(listed(event, ids), 1_000 * number + 50)
    return records


def test_everything_is_marked_as_simulated_and_has_an_id_of_its_own() -> None:
    users = crowd()
    records = lived(users, 300)
    assert all(record.simulated for record in records)
    events = [record for record in records if isinstance(record, Click | Search)]
    assert len({event.event_id for event in events}) == len(events)
    tally = users.tally
    assert len(records) == tally.events
    assert tally.visits == tally.answered == tally.impressions == 300
    assert 30 < tally.searches < 90
    assert tally.clicks > tally.carts > tally.purchases > 0


def test_a_reaction_names_the_list_the_rank_and_the_price() -> None:
    """Rank k of the list holds the item that was clicked; what was shown comes before it."""
    users = crowd(searches=0.0)
    shown: dict[str, tuple[str, ...]] = {}
    kinds: dict[tuple[str, str | None], list[str]] = {}
    for record in lived(users, 300):
        if isinstance(record, Impression):
            shown[record.recommendation_id] = record.item_ids
        elif isinstance(record, Click) and record.type != "visit":
            assert record.recommendation_id is not None
            assert record.position is not None
            assert shown[record.recommendation_id][record.position - 1] == record.item_id
            kinds.setdefault((record.recommendation_id, record.item_id), []).append(record.type)
            assert (record.dwell_ms is not None) == (record.type == "click")
            if record.type == "purchase":
                assert record.price == SHOP.price(SHOP.place(record.item_id or ""))
    assert {tuple(each) for each in kinds.values()} == {
        ("click",),
        ("click", "cart"),
        ("click", "cart", "purchase"),
    }


def test_the_same_seed_lives_the_same_life() -> None:
    assert lived(crowd(), 80) == lived(crowd(), 80)
    assert lived(crowd(), 80) != lived(crowd(seed=1), 80)


def test_a_list_that_is_late_is_counted_and_not_looked_at() -> None:
    users = crowd(n_users=3)
    event = users.visit(0)
    assert event is not None
    users.give_up(10_000)
    assert users.n_waiting == 1
    users.give_up(10_001)
    assert (users.n_waiting, users.tally.late) == (0, 1)
    assert users.look(listed(event, ["i1"]), 10_002) == []
    assert (users.tally.too_late, users.tally.answered) == (1, 0)


def test_lists_of_others_and_of_later_events_are_not_looked_at() -> None:
    users = crowd()
    event = users.visit(0)
    assert isinstance(event, Click | Search)
    stranger = Click(event_id="e", user_id="ann", type="visit", at_ms=1)
    later = Click(event_id="later", user_id=event.user_id, type="visit", at_ms=1)
    assert users.look(listed(stranger, ["i1"]), 0) == users.look(listed(later, ["i1"]), 0) == []
    assert (users.tally.lists, users.tally.not_awaited, users.n_waiting) == (1, 1, 1)


def test_an_unknown_item_is_counted_and_never_clicked() -> None:
    users = crowd()
    for number in range(200):
        event = users.visit(number)
        assert event is not None
        reactions = users.look(listed(event, ["nobody", "i1"]), number)
        assert all(each.item_id != "nobody" for each in reactions if isinstance(each, Click))
    assert users.tally.unknown_items == 200


def test_who_leaves_is_followed_by_a_stranger_until_there_are_none() -> None:
    users = crowd(n_users=2)
    records = lived(users, 5_000)
    assert users.is_empty
    assert len({record.user_id for record in records}) == users.tally.left == 40


def test_a_search_has_words_of_the_shop() -> None:
    population = CascadingShoppers(SHOP.wares)
    users = SimulatedUsers(population, SHOP, n_users=50, seed=0, run="t", search_share=1.0)
    known = {word for item in ITEMS for word in item.title.split()}
    for number in range(50):
        event = users.visit(number)
        assert isinstance(event, Search)
        assert any(word.startswith(part) for part in event.query.split() for word in known)


def test_an_item_without_words_is_searched_for_all_the_same() -> None:
    """A query of blanks alone is none; the simulation ended at the first."""
    shop = SimulatedShop([Item(item_id="a7", title=" "), Item(item_id="b8", title="№ 7")])
    assert [shop.query(place, 0.5) for place in range(2)] == ["a7", "№ 7"]


def test_a_file_without_items_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"item_id": "a", "title": "mug"}\n{"item_id": 3}\n')
    with pytest.raises(BadFileError, match=r"items.jsonl.*2"):
        SimulatedShop.from_file(path)
    path.write_text("")
    with pytest.raises(BadFileError, match="no items"):
        SimulatedShop.from_file(path)
