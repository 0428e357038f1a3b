"""Files of records: both formats say the same, and a bad row is told with its file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.errors import BadFileError
from streams.events import Click, Impression, Search
from streams.files import BadRow, in_time_order, read_records
from streams.items import Item

CLICK = {"event_id": "e1", "user_id": "u1", "type": "view", "item_id": "i1", "at_ms": 1}
SEARCH = {"event_id": "e2", "user_id": "u1", "type": "search", "query": "mug", "at_ms": 2}
ITEM = {"item_id": "i1", "title": "A mug", "tags": ["red", "tall"], "in_stock": True}
SHOWN = {"recommendation_id": "r", "user_id": "u1", "at_ms": 3, "item_ids": ["i1"]}


def lines(path: Path, *rows: dict[str, Any] | str) -> Path:
    text = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(text) + "\n")
    return path


def parquet(path: Path, *rows: dict[str, Any]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def test_kinds_may_be_mixed_in_one_file(tmp_path: Path) -> None:
    path = lines(tmp_path / "all.jsonl", CLICK, SEARCH, ITEM, SHOWN)
    assert [type(row) for row in read_records(path)] == [Click, Search, Item, Impression]


def test_parquet_says_the_same_as_json_lines(tmp_path: Path) -> None:
    clicks = [
        CLICK | {"price": 1.5, "context": {"country": "FR"}},
        CLICK | {"price": None, "context": None},
    ]
    for rows in (clicks, [SEARCH], [ITEM], [SHOWN]):
        from_lines = list(read_records(lines(tmp_path / "rows.jsonl", *rows)))
        from_parquet = list(read_records(parquet(tmp_path / "rows.parquet", *rows)))
        assert from_parquet == from_lines
        assert not any(isinstance(row, BadRow) for row in from_lines)


def test_a_parquet_map_is_a_context(tmp_path: Path) -> None:
    kind = pa.map_(pa.string(), pa.string())
    columns = {name: pa.array([value]) for name, value in CLICK.items()}
    context = pa.array([[("country", "FR"), ("page", None)]], kind)
    pq.write_table(pa.table(columns | {"context": context}), tmp_path / "c.parquet")
    (click,) = read_records(tmp_path / "c.parquet")
    assert isinstance(click, Click)
    assert click.context == {"country": "FR"}


def test_a_bad_line_is_told_with_file_and_line_and_reading_goes_on(tmp_path: Path) -> None:
    path = lines(tmp_path / "c.jsonl", CLICK, "{broken", "", CLICK | {"type": "wink"}, CLICK)
    good, broken, invalid, last = read_records(path)
    assert isinstance(good, Click)
    assert isinstance(last, Click)
    assert str(broken).startswith(f"{path}:2: JSON is malformed")
    assert str(invalid).startswith(f"{path}:4: Invalid enum value 'wink'")


def test_a_bad_parquet_row_is_told_with_its_number(tmp_path: Path) -> None:
    path = parquet(tmp_path / "c.parquet", CLICK, CLICK | {"at_ms": -1}, CLICK)
    good, past, last = read_records(path)
    assert isinstance(good, Click)
    assert isinstance(last, Click)
    assert str(past).startswith(f"{path}:2: Expected `int` >= 0")


@pytest.mark.parametrize("context", ['{"page": "x"}', 7, ["page"], [["page", "x"]] * 2])
def test_a_parquet_context_that_is_no_map_is_a_bad_row(tmp_path: Path, context: object) -> None:
    first, *rest = read_records(
        parquet(tmp_path / "c.parquet", *[CLICK | {"context": context}] * 2)
    )
    pairs = isinstance(context, list) and len(context) == 2
    assert isinstance(first, Click if pairs else BadRow)
    assert len(rest) == 1, "reading goes on"
    assert pairs or "context" in str(first)


def test_lines_may_be_as_windows_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    text = "".join(json.dumps(row) + "\r\n" for row in (CLICK, SEARCH))
    path.write_bytes(text.encode("utf-8-sig"))
    assert [type(row) for row in read_records(path)] == [Click, Search]


def test_nan_is_no_number(tmp_path: Path) -> None:
    (row,) = read_records(parquet(tmp_path / "c.parquet", CLICK | {"price": float("nan")}))
    assert isinstance(row, BadRow)
    assert "price" in row.reason


def test_a_line_without_end_is_a_bad_row_and_not_all_memory(tmp_path: Path) -> None:
    long = json.dumps(CLICK | {"text": "x" * 3_000_000})
    huge, good = read_records(lines(tmp_path / "c.jsonl", long, CLICK))
    assert isinstance(huge, BadRow)
    assert isinstance(good, Click)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_rows_or_bad_rows(tmp_path: Path, junk: list[bytes]) -> None:
    path = tmp_path / "junk.jsonl"
    path.write_bytes(b"\n".join(junk) + b'\n{"x":' + b"[" * 60_000 + b"\n")
    assert all(row is not None for row in read_records(path))


def test_bytes_that_are_no_text_are_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(json.dumps(CLICK).encode().replace(b"u1", b"\xff") + b"\n")
    (row,) = read_records(path)
    assert isinstance(row, BadRow)
    assert "utf-8" in row.reason


def test_a_null_in_parquet_is_a_missing_field(tmp_path: Path) -> None:
    rows = [CLICK | {"simulated": None}, CLICK | {"simulated": True}]
    first, second = read_records(parquet(tmp_path / "c.parquet", *rows))
    assert isinstance(first, Click)
    assert isinstance(second, Click)
    assert (first.simulated, second.simulated) == (False, True)
    typeless = ITEM | {"type": None, "item_ids": None}
    (item,) = read_records(parquet(tmp_path / "i.parquet", typeless))
    assert isinstance(item, Item)


def test_columns_of_somebody_else_are_left_alone_whatever_they_hold(tmp_path: Path) -> None:
    """A table of a shop has more columns, of types that Python has no values for."""
    columns = {name: pa.array([value]) for name, value in ITEM.items()} | {
        "updated": pa.array([1], pa.timestamp("ns")),
        "since": pa.array([-(10**9)], pa.date32()),
        "moon": pa.array([1], pa.timestamp("s", "Moon/Tycho")),
    }
    pq.write_table(pa.table(columns), tmp_path / "i.parquet")
    (item,) = read_records(tmp_path / "i.parquet")
    assert isinstance(item, Item)
    pq.write_table(pa.table({"updated": columns["updated"]}), tmp_path / "none.parquet")
    assert [type(row) for row in read_records(tmp_path / "none.parquet")] == [BadRow]


LATIN = [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"M\xfcg")]


@pytest.mark.parametrize(
    "column",
    [
        {"at_ms": pa.array([1], pa.timestamp("ns"))},
        {"title": pa.Array.from_buffers(pa.string(), 1, LATIN)},
    ],
)
def test_a_value_that_python_cannot_read_names_the_file(
    tmp_path: Path, column: dict[str, pa.Array]
) -> None:
    columns = {name: pa.array([value]) for name, value in ITEM.items()}
    pq.write_table(pa.table(columns | column), tmp_path / "i.parquet")
    with pytest.raises(BadFileError, match=r"i\.parquet: not a readable Parquet file: "):
        list(read_records(tmp_path / "i.parquet"))


def test_files_are_merged_by_time_and_items_come_first(tmp_path: Path) -> None:
    early = lines(tmp_path / "a.jsonl", *[CLICK | {"at_ms": at} for at in (10, 30, 50)])
    late = lines(tmp_path / "b.jsonl", *[SEARCH | {"at_ms": at} for at in (20, 40)])
    items = lines(tmp_path / "c.jsonl", ITEM)
    rows = list(in_time_order([early, late, items]))
    moments = [row.at_ms for row in rows if not isinstance(row, BadRow | Item)]
    assert isinstance(rows[0], Item)
    assert moments == [10, 20, 30, 40, 50]


def test_the_own_order_of_an_unsorted_file_is_kept(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", *[CLICK | {"at_ms": at} for at in (30, 10, 20)])
    other = lines(tmp_path / "b.jsonl", *[SEARCH | {"at_ms": at} for at in (15, 25, 35)])
    merged = list(in_time_order([other, path]))
    assert [row.at_ms for row in merged if isinstance(row, Click)] == [30, 10, 20]
    moments = [row.at_ms for row in merged if isinstance(row, Click | Search)]
    assert moments == [15, 25, 30, 10, 20, 35]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing.jsonl", "there is no such file"),
        ("folder.parquet", "this is a folder"),
        ("table.csv", "unknown format"),
        ("broken.parquet", "not a readable Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "table.csv").write_text("a,b\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(BadFileError, match=f"{name}: {why}"):
        list(read_records(tmp_path / name))
