"""Item files -> an index version that can be listed, verified and searched."""

import json
from pathlib import Path

import pytest

from index import IndexStore
from streams.cli.building import count_events, read_items
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.errors import BadFileError

ITEMS: list[dict[str, object]] = [
    {"item_id": "mug", "title": "Blue stoneware mug", "tags": ["kitchen"], "in_stock": False},
    {"item_id": "pot", "title": "Red enamel teapot", "price": 12.5, "popularity": 3},
    {"item_id": "owl", "title": "Felt owl decoration"},
]
EVENTS: list[dict[str, object]] = [
    {"event_id": "1", "user_id": "ann", "type": "purchase", "item_id": "pot", "at_ms": 1},
    {"event_id": "2", "user_id": "ann", "type": "view", "item_id": "pot", "at_ms": 2},
    {"event_id": "3", "user_id": "ann", "type": "return", "item_id": "mug", "at_ms": 3},
    {"event_id": "4", "user_id": "ann", "type": "view", "item_id": "gone", "at_ms": 4},
]


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_items_keep_what_the_file_says(tmp_path: Path) -> None:
    mug, pot, owl = read_items(lines(tmp_path / "items.jsonl", ITEMS))
    assert (mug.tags, mug.in_stock) == (("kitchen",), False)
    assert (pot.price, pot.in_stock) == (12.5, True)
    assert (owl.description, owl.tags) == (None, ())


def test_an_event_among_the_items_is_refused(tmp_path: Path) -> None:
    file = lines(tmp_path / "items.jsonl", [*ITEMS, EVENTS[0]])
    with pytest.raises(BadFileError, match="a click where items belong"):
        list(read_items(file))


def test_popularity_counts_events_but_no_returns(tmp_path: Path) -> None:
    items = list(read_items(lines(tmp_path / "items.jsonl", ITEMS)))
    counts = count_events([lines(tmp_path / "events.jsonl", EVENTS)], items)
    assert counts.tolist() == [0.0, 2.0, 0.0]


def test_an_index_from_a_file_is_found_by_meaning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the real encoder: a query shares no word with the item that it means."""
    where = ["--index-dir", str(tmp_path / "indexes")]
    items = str(lines(tmp_path / "items.jsonl", ITEMS))
    events = str(lines(tmp_path / "events.jsonl", EVENTS))
    assert run(["index", "build", items, "--events", events, "--json", *where]) == Exit.OK
    built = json.loads(capsys.readouterr().out)
    assert (built["count"], built["engine"], built["current"]) == (3, "exact", True)
    assert run(["index", "verify", *where]) == Exit.OK
    assert capsys.readouterr().out == f"{built['version']}: sound\n"
    assert run(["index", "search", "coffee cup", "--json", *where]) == Exit.OK
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [hit["rank"] for hit in found] == [1, 2, 3]
    assert found[0]["item_id"] == "mug"
    snapshot = IndexStore(tmp_path / "indexes").open()
    assert snapshot.catalogue.popularity[snapshot.catalogue.position("pot")] == 2.0


def test_a_damaged_version_is_not_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--index-dir", str(tmp_path / "indexes")]
    items = str(lines(tmp_path / "items.jsonl", ITEMS))
    assert run(["index", "build", items, "--json", *where]) == Exit.OK
    version = json.loads(capsys.readouterr().out)["version"]
    vectors = tmp_path / "indexes" / version / "vectors.npy"
    vectors.chmod(0o644)
    vectors.write_bytes(vectors.read_bytes()[:-4] + b"oops")
    assert run(["index", "verify", "--json", *where]) == Exit.FATAL
    assert "vectors.npy" in str(json.loads(capsys.readouterr().out)["problems"])
