"""Files of events as questions: what was known at that moment, and what was done afterwards."""

import json
from pathlib import Path

import pytest

from streams.errors import BadFileError
from streams.occasions.reading import DAY_MS, Past, Span, read_past

T = 1_000 * DAY_MS
SPAN = Span(T, T + DAY_MS, popularity_days=2)


def event(number: int, user: str, kind: str, item: str | None, at_ms: int, **more: object) -> str:
    row = {"event_id": f"e{number}", "user_id": user, "type": kind, "item_id": item, "at_ms": at_ms}
    return json.dumps(row | more)


def past_of(tmp_path: Path, *lines: str) -> Past:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return read_past([file], SPAN, lambda item_id: (f"c-{item_id}", None, None))


def search(number: int, user: str, query: str, at_ms: int) -> str:
    return json.dumps(
        {
            "event_id": f"e{number}",
            "user_id": user,
            "type": "search",
            "query": query,
            "at_ms": at_ms,
        }
    )


def test_a_session_is_asked_at_its_start_from_what_was_known_before_it(tmp_path: Path) -> None:
    past = past_of(
        tmp_path,
        event(1, "ann", "purchase", "mug", T - DAY_MS),
        event(2, "ann", "view", "pot", T + 5),
        event(3, "ann", "purchase", "mug", T + 6, context={"country": "FR"}),
        event(4, "ann", "purchase", "tea", T + 7),
        event(5, "ann", "return", "cup", T + 8),
    )
    (asked,) = past.occasions
    assert [each.item_id for each in asked.request.history.interactions] == ["mug"]
    assert (asked.request.at_ms, asked.request.query, asked.kind) == (T + 5, None, "visit")
    assert asked.wanted == {"purchases": {"mug", "tea"}, "new": {"tea"}, "clicks": {"pot"}}
    assert (asked.n_before, asked.country) == (1, "FR")
    assert asked.request.history.counts.keys() == {"c:c-mug"}


def test_half_an_hour_of_silence_begins_a_session_and_so_does_another_id(tmp_path: Path) -> None:
    past = past_of(
        tmp_path,
        event(1, "ann", "view", "a", T),
        event(2, "ann", "view", "b", T + 20 * 60_000),
        event(3, "ann", "view", "c", T + 51 * 60_000),
        event(4, "ann", "view", "d", T + 52 * 60_000, session_id="s"),
    )
    wanted = [each.wanted["clicks"] for each in past.occasions]
    assert wanted == [{"a", "b"}, {"c"}, {"d"}]
    assert [each.n_before for each in past.occasions] == [0, 1, 2]


def test_a_search_is_asked_with_its_query_about_what_came_after_it(tmp_path: Path) -> None:
    past = past_of(
        tmp_path,
        event(1, "ann", "view", "pot", T),
        search(2, "ann", "red mug", T + 1),
        event(3, "ann", "view", "mug", T + 2),
    )
    visit, asked = past.occasions
    assert visit.wanted["clicks"] == {"pot", "mug"}
    assert (asked.kind, asked.request.query) == ("search", "red mug")
    assert list(asked.request.history.queries) == ["red mug"]
    assert asked.wanted["clicks"] == {"mug"}


def test_popularity_is_of_the_days_before_and_of_nothing_later(tmp_path: Path) -> None:
    past = past_of(
        tmp_path,
        event(1, "ann", "purchase", "old", T - 3 * DAY_MS),
        event(2, "ann", "purchase", "mug", T - DAY_MS),
        event(3, "ann", "return", "mug", T - DAY_MS),
        event(4, "ann", "purchase", "mug", T),
        event(5, "ann", "purchase", "late", T + DAY_MS),
    )
    assert past.popularity == {"mug": 1}
    assert past.n_events == 4, "the span's end is the end of the reading"


def test_what_is_not_in_order_or_no_event_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="event e2 is older"):
        past_of(tmp_path, event(1, "a", "view", "x", T), event(2, "a", "view", "x", T - 1))
    with pytest.raises(BadFileError, match=r"events\.jsonl:2"):
        past_of(tmp_path, event(1, "a", "view", "x", T), "{}")
