"""One batch of events: rows, lists, dead letters, in order, whatever comes in."""

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from index import Catalogue, Filter, Item
from scoring import Request, ScoredItem, Slate
from streams.agents import clicks, impressions, searches
from streams.errors import SettingsError
from streams.list_records import Ranking, recommendation_id
from streams.metrics import StepMetrics
from streams.outbox import Outbox
from streams.outputs import decode_recommendation
from streams.row import Source, UserRow
from streams.runs import Claim, Run
from streams.step import Publishing, RecommendationStep

CLAIM = Claim(1, 1, b"")
ITEMS = [Item(item_id="i1", title="One", category="c1", price=4.0), Item(item_id="i2", title="Two")]


class Rows(dict[bytes, bytes]):
    """Stored rows of one partition."""

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]


class OneItem:
    """A ranking that recommends one item, and fails where it is told to."""

    encoder_version, index_version, policy_version = "e1", "x1", "p1"
    rules_version: str | None = "r1"
    heads_version: str | None = "h1"
    features_version: str | None = "f1"
    catalogue = Catalogue.from_items(ITEMS)

    def __init__(self, fails_for: str = "") -> None:
        self.fails_for = fails_for
        self.asked: list[Request] = []

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        if any(request.user_id == self.fails_for for request in requests):
            raise ValueError("no list for this one")
        self.asked += requests
        tasks = dict.fromkeys(("ctr", "cvr", "engagement", "relevance"))
        item = ScoredItem("i1", 1, 0.5, tasks, 1.0, "popular now")
        interest = {"short_term": np.ones(2, np.float32)}
        return [Slate((item,), interest, 0) for _ in requests]


def a_step(rows: Rows, ranking: Ranking, **topics: Any) -> RecommendationStep:
    publishing = Publishing(
        **({"recommendations": "lists", "latest": None, "features": None} | topics)
    )
    return RecommendationStep(
        rows,
        ranking,
        {
            "clicks": clicks.apply,
            "searches": searches.apply,
            "impressions": impressions.apply,
        },
        {"clicks": "C", "searches": "S", "impressions": "I"},
        publishing,
        max_bytes=10_000,
        metrics=StepMetrics(),
    )


def now_ms() -> int:
    return int(time.time() * 1000)


def click(event: str, user: str = "u1", item: str = "i1") -> tuple[bytes, bytes]:
    body = (
        f'{{"event_id":"{event}","user_id":"{user}","type":"click",'
        f'"item_id":"{item}","at_ms":{now_ms()}}}'
    )
    return user.encode(), body.encode()


def run_of(
    *messages: tuple[bytes | None, bytes | None], topic: str = "clicks", begin: int = 0
) -> Run:
    records = [
        SimpleNamespace(offset=begin + n, timestamp=0, key=key, value=value, headers=())
        for n, (key, value) in enumerate(messages)
    ]
    return Run(topic, 0, begin, begin + len(records), records, CLAIM)


def lists(outbox: Outbox, topic: str = "lists") -> list[Any]:
    return [decode_recommendation(message["value"]) for message in outbox.messages.get(topic, [])]


def test_each_event_leads_to_one_list_that_names_it() -> None:
    outbox = a_step(Rows(), OneItem())([run_of(click("a"), click("b"), begin=7)], CLAIM)
    first, second = lists(outbox)
    assert (first.trigger.event_id, first.trigger.offset, first.trigger.topic) == ("a", 7, "clicks")
    assert second.recommendation_id == recommendation_id(Source("C:0", 8))
    assert (first.encoder_version, first.index_version, first.policy_version) == ("e1", "x1", "p1")
    assert first.rules_version == "r1"
    assert outbox.ends == {("clicks", 0): 9}


def test_the_second_event_of_a_batch_sees_the_first() -> None:
    ranking = OneItem()
    outbox = a_step(Rows(), ranking)([run_of(click("a"), click("b", item="i2"))], CLAIM)
    assert [len(request.history.interactions) for request in ranking.asked] == [1, 2]
    row = UserRow.decode(outbox.rows[0][b"u1"])
    assert [entry.item_id for entry in row.ring] == ["i2", "i1"]


def test_a_redelivered_event_leaves_the_row_and_repeats_the_list_under_the_same_id() -> None:
    rows = Rows()
    first = a_step(rows, OneItem())([run_of(click("a"))], CLAIM)
    rows.update(first.rows[0])
    again = a_step(rows, OneItem())([run_of(click("a"))], CLAIM)
    assert again.rows[0][b"u1"] == rows[b"u1"]
    assert lists(again)[0].recommendation_id == lists(first)[0].recommendation_id


def test_an_item_that_the_index_does_not_know_is_remembered_and_counted() -> None:
    step = a_step(Rows(), OneItem())
    outbox = step([run_of(click("a", item="unheard-of"))], CLAIM)
    row = UserRow.decode(outbox.rows[0][b"u1"])
    assert row.ring[0].item_id == "unheard-of"
    assert row.counts == {}
    assert step._metrics.registry.get_sample_value("rillstream_unknown_items_total") == 1


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        (b"u1", b'{"event_id":', b"malformed"),
        (b"u1", b'{"event_id":1}', b"invalid"),
        (
            b"u1",
            b'{"event_id":"e","user_id":"u1","type":"juggle","item_id":"i","at_ms":1}',
            b"invalid",
        ),
        (
            b"u1",
            b'{"event_id":"e","user_id":"u1","type":"view","item_id":"i","at_ms":NaN}',
            b"malformed",
        ),
        (b"u1", b'"' + b"x" * 20_000 + b'"', b"oversize"),
        (b"u1", b'{"event_id":"e","user_id":"u1","type":"visit","at_ms":4102444700000}', b"future"),
        (None, click("e")[1], b"missing_key"),
        (b"u2", click("e")[1], b"key_mismatch"),
        (b"u1", None, b"empty"),
    ],
    ids=(
        "half not-an-event unknown-type nan oversize future missing-key key-mismatch empty".split()
    ),
)
def test_what_cannot_be_read_becomes_a_dead_letter_untouched(
    key: bytes | None, value: bytes | None, kind: bytes
) -> None:
    outbox = a_step(Rows(), OneItem())([run_of((key, value), click("good"), begin=4)], CLAIM)
    (letter,) = outbox.letters
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, letter.value) == ("clicks.dlq", key, value)
    assert headers["rillstream.kind"] == kind
    assert (headers["rillstream.topic"], headers["rillstream.offset"]) == (b"clicks", b"4")
    assert [found.trigger.event_id for found in lists(outbox)] == ["good"]
    assert outbox.ends == {("clicks", 0): 6}


def test_a_letter_that_was_sent_back_and_cannot_be_read_again_says_how_often_and_where_first() -> (
    None
):
    run = run_of((b"u1", b"{"), begin=9)
    run.records[0].headers = (("rillstream.attempts", b"2"), ("rillstream.first", b"0:4"))  # type: ignore[misc]
    (letter,) = a_step(Rows(), OneItem())([run], CLAIM).letters
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["rillstream.offset"]) == (b"u1", b"{", b"9")
    assert (headers["rillstream.attempts"], headers["rillstream.first"]) == (b"3", b"0:4")


class Unusable(OneItem):
    """A ranking that fails with a batch, and of one event says that it is no ranking any more."""

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        raise ValueError if len(requests) > 1 else SettingsError("another index is needed")


def test_what_ends_a_worker_is_no_fault_of_an_event(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsError, match="another index"):
        a_step(Rows(), Unusable())([run_of(click("a"), click("b", "u2"))], CLAIM)


def test_one_event_that_cannot_be_ranked_does_not_take_the_batch_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    step = a_step(Rows(), OneItem(fails_for="u2"))
    outbox = step([run_of(click("a"), click("b", "u2"), click("c", "u3"))], CLAIM)
    assert [found.trigger.event_id for found in lists(outbox)] == ["a", "c"]
    (letter,) = outbox.letters
    assert dict(letter.headers)["rillstream.kind"] == b"internal"
    assert letter.key == b"u2"


def test_the_latest_list_of_a_user_is_the_batchs_last() -> None:
    step = a_step(Rows(), OneItem(), latest="latest")
    outbox = step([run_of(click("a"), click("b"), click("c", "u2"))], CLAIM)
    assert [found.trigger.event_id for found in lists(outbox, "latest")] == ["b", "c"]


def test_features_are_published_where_the_setting_says_so() -> None:
    step = a_step(Rows(), OneItem(), features="features")
    outbox = step([run_of(click("a"))], CLAIM)
    (features,) = outbox.messages["features"]
    assert b'"short_term":[1.0,1.0]' in (features["value"] or b"")
    assert b'"c:c1":' in (features["value"] or b"")


def test_a_search_asks_for_its_query_and_is_remembered() -> None:
    ranking = OneItem()
    body = (
        '{"event_id":"s","user_id":"u1","type":"search","query":"red box",'
        f'"at_ms":{now_ms()},"simulated":true}}'
    )
    outbox = a_step(Rows(), ranking)([run_of((b"u1", body.encode()), topic="searches")], CLAIM)
    assert ranking.asked[0].query == "red box"
    assert UserRow.decode(outbox.rows[0][b"u1"]).queries[0].query == "red box"
    assert lists(outbox)[0].simulated


def test_an_impression_is_remembered_and_asks_for_no_list() -> None:
    ranking = OneItem()
    body = f'{{"recommendation_id":"r","user_id":"u1","at_ms":{now_ms()},"item_ids":["i1","i2"]}}'
    shown = run_of((b"u1", body.encode()), (b"u1", b"{}"), topic="impressions")
    outbox = a_step(Rows(), ranking)([shown, run_of(click("a"))], CLAIM)
    assert len(lists(outbox)) == 1
    assert [letter.topic for letter in outbox.letters] == ["impressions.dlq"]
    assert outbox.ends == {("impressions", 0): 2, ("clicks", 0): 1}
    assert len(ranking.asked[0].history.shown) == 1
    assert len(UserRow.decode(outbox.rows[0][b"u1"]).shown) == 1


def test_the_filters_of_a_search_hold_its_list_and_a_wrong_one_is_a_dead_letter() -> None:
    def search(event: str, filters: str) -> tuple[bytes, bytes]:
        body = (
            f'{{"event_id":"{event}","user_id":"u1","type":"search","query":"mug",'
            f'"at_ms":{now_ms()},"filters":{filters}}}'
        )
        return b"u1", body.encode()

    ranking = OneItem()
    sent = [search("s1", '{"brand":"A","colour":"red"}'), search("s2", '{"price_max":"cheap"}')]
    outbox = a_step(Rows(), ranking)([run_of(*sent, topic="searches")], CLAIM)
    assert [asked.filter for asked in ranking.asked] == [Filter(brands=frozenset({"A"}))]
    (letter,) = outbox.letters
    assert letter.value == sent[1][1]
    queries = UserRow.decode(outbox.rows[0][b"u1"]).queries
    assert len(queries) == 1, "a rejected search leaves no trace in the row"
