"""The demo's ledger: each list meets its event once, and the figures are those of a textbook."""

from streams.demo.ledger import Ledger
from streams.events import Click, Search
from streams.outputs import Recommendation, Trigger


def click(number: int) -> Click:
    return Click(event_id=f"e{number}", user_id="u", type="visit", at_ms=1)


def answer(event: Click | Search) -> Recommendation:
    trigger = Trigger(
        event_id=event.event_id, type=event.type, at_ms=1, topic="clicks", partition=0, offset=0
    )
    return Recommendation(recommendation_id="r", user_id="u", at_ms=1, trigger=trigger, items=())


def test_a_list_meets_its_event_once() -> None:
    ledger = Ledger(limit=10)
    ledger.sent(click(1))
    first, second = ledger.received(answer(click(1))), ledger.received(answer(click(1)))
    assert first is not None
    assert first.event == click(1)
    assert second is None
    assert (ledger.n_received, ledger.n_duplicates, ledger.n_waiting) == (1, 1, 0)


def test_clicks_and_searches_are_counted_apart() -> None:
    ledger = Ledger(limit=10)
    ledger.sent(click(1))
    ledger.sent(click(2))
    ledger.sent(Search(event_id="s", user_id="u", type="search", query="mug", at_ms=1))
    assert (ledger.n_clicks, ledger.n_searches, ledger.n_sent) == (2, 1, 3)


def test_there_is_no_room_until_a_list_arrives() -> None:
    ledger = Ledger(limit=1)
    assert ledger.wait_for_room(0.01)
    ledger.sent(click(1))
    assert not ledger.wait_for_room(0.01)
    ledger.received(answer(click(1)))
    assert ledger.wait_for_room(0.01)


def test_percentiles_are_nearest_ranks() -> None:
    ledger = Ledger(limit=1)
    assert ledger.percentiles_ms() is None
    ledger._latencies_ms = [float(n) for n in range(200, 0, -1)]
    assert ledger.percentiles_ms() == (100.0, 190.0, 198.0)
    ledger._latencies_ms = [7.0]
    assert ledger.percentiles_ms() == (7.0, 7.0, 7.0)
