"""`rillstream export --with-searches`: rows of query and title, from what lies on the topics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow import parquet

from index import IndexStore, Item, build_index
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.events import Click, Search
from streams.list_records import recommendation_id
from streams.row import Source
from streams.settings import Settings
from tests.index.vectors import unit_rows
from tests.streams.learning.test_export import DAY_MS, FIRST_MS, put
from tests.streams.reading import messages

TITLES = {"mug": "Red mug", "cup": "Blue cup"}


@pytest.fixture
def shop(shop: Settings) -> Settings:
    """With an index of two items."""
    items = [Item(item_id=name, title=title, brand="Potter") for name, title in TITLES.items()]
    build_index(IndexStore(shop.index_dir), items, unit_rows(2), encoder_version="e")
    return shop


def ask(settings: Settings, user: str, event: str, at_ms: int, **more: object) -> None:
    put(
        settings,
        "searches",
        user,
        Search(
            event_id=event,
            user_id=user,
            type="search",
            query=f"words of {event}",
            at_ms=at_ms,
            **more,  # type: ignore[arg-type]
        ),
    )


def answer(settings: Settings, user: str, item: str, at_ms: int, **more: object) -> None:
    found = {"type": "click", "event_id": f"{item}-{at_ms}"} | more
    click = Click(user_id=user, item_id=item, at_ms=at_ms, **found)  # type: ignore[arg-type]
    put(settings, "clicks", user, click)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_each_item_that_was_wanted_after_a_search_is_a_row(
    shop: Settings, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(shop, "ann", "s0", FIRST_MS - DAY_MS)
    answer(shop, "ann", "mug", FIRST_MS - DAY_MS + 5)
    answer(shop, "ann", "mug", FIRST_MS + 9_000, type="purchase")  # before its search: no matter
    ask(shop, "ann", "s1", FIRST_MS)
    ask(shop, "bob", "s2", FIRST_MS + 1, simulated=True)
    answer(shop, "bob", "cup", FIRST_MS + 3)
    answer(shop, "bob", "gone", FIRST_MS + 4)
    put(shop, "searches", "bob", b"no JSON")
    put(shop, "clicks", "bob", b"no JSON")
    put(shop, "clicks", "eve", Click(event_id="x", user_id="bob", type="visit", at_ms=FIRST_MS))
    words = ["--format", suffix, "--since", "2023-11-14", "--with-searches", "--json"]
    assert run(["export", "--out", "logs", *words]) == Exit.OK
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == {f"logs/searched.{suffix}": 2}
    assert said["searches"] == {"searches": 2, "no_item": 1, "unasked": 1, "unreadable": 3}
    file = Path(f"logs/searched.{suffix}")
    if suffix == "jsonl":
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    else:
        rows = parquet.read_table(file).to_pylist()
    first, second = rows
    assert first == {
        "query": "words of s1",
        "title": "Red mug. Potter",
        "score": 3,
        "item_id": "mug",
        "user_id": "ann",
        "event_id": "s1",
        "at_ms": FIRST_MS,
        "simulated": False,
    }
    assert (second["query"], second["score"], second["simulated"]) == ("words of s2", 1, True)


def test_a_click_on_a_list_answers_the_search_that_the_list_was_made_for(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the place of the search's record, as a worker names its lists."""
    for number in range(3):
        ask(shop, "ann", f"s{number}", FIRST_MS + number)
    topic = shop.topic("searches")
    place = next(m for m in messages(shop, topic) if b'"s1"' in (m.value() or b""))
    name = recommendation_id(Source(f"{topic}:{place.partition()}", place.offset() or 0))
    answer(shop, "ann", "cup", FIRST_MS + 9, recommendation_id=name)
    assert run(["export", "--out", "logs", "--with-searches", "--format", "jsonl"]) == Exit.OK
    assert "searched: searches 3" in capsys.readouterr().err
    (line,) = Path("logs/searched.jsonl").read_text().splitlines()
    assert json.loads(line)["query"] == "words of s1"


def test_without_an_index_nothing_is_written(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "--out", "logs", "--with-searches", "--index-dir", str(tmp_path / "none")]
    assert run(words) == Exit.FATAL
    assert "rillstream index build" in capsys.readouterr().err
    assert not list(Path("logs").iterdir())
