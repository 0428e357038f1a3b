"""Row stores: both keep one contract; RocksDB's survives a restart, notices a new changelog."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.errors import RowsDamagedError
from streams.rows import MemoryRows, RocksRows, RowStore


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RowStore:
    make: dict[str, Callable[[], RowStore]] = {
        "memory": MemoryRows,
        "rocksdb": lambda: RocksRows(tmp_path / "rows-0", "topic-1"),
    }
    return make[request.param]()


def test_a_fresh_store_knows_nothing(store: RowStore) -> None:
    assert store.position() is None
    assert store.get_many([b"a", b"b"]) == [None, None]


def test_rows_come_back_in_the_order_asked_for(store: RowStore) -> None:
    store.apply({b"a": b"1", b"b": b"2"}, 7)
    assert store.get_many([b"b", b"x", b"a"]) == [b"2", None, b"1"]
    assert store.position() == 7


def test_an_unknown_position_keeps_the_older_one(store: RowStore) -> None:
    store.apply({b"a": b"1"}, 7)
    store.apply({b"a": b"2"}, None)
    assert store.position() == 7
    assert store.get_many([b"a"]) == [b"2"]


def test_a_null_row_is_gone(store: RowStore) -> None:
    store.apply({b"a": b"1"}, 1)
    store.apply({b"a": None}, 2)
    assert store.get_many([b"a"]) == [None]


def test_no_user_can_overwrite_the_position(store: RowStore) -> None:
    store.apply({}, 5)
    store.apply({b"position": b"99", b"changelog": b"x"}, None)
    assert store.position() == 5


def test_rocksdb_rows_survive_a_restart(tmp_path: Path) -> None:
    first = RocksRows(tmp_path / "rows-0", "topic-1")
    first.apply({b"a": b"1"}, 3)
    first.close()
    second = RocksRows(tmp_path / "rows-0", "topic-1")
    assert (second.get_many([b"a"]), second.position()) == ([b"1"], 3)


def test_rows_of_a_deleted_changelog_are_not_believed(tmp_path: Path) -> None:
    first = RocksRows(tmp_path / "rows-0", "topic-1")
    first.apply({b"a": b"1"}, 3)
    first.close()
    second = RocksRows(tmp_path / "rows-0", "topic-2")
    assert (second.get_many([b"a"]), second.position()) == ([None], None)


@pytest.mark.parametrize("file", ["MANIFEST-*", "CURRENT"])
def test_damaged_rows_begin_anew_from_the_changelog(tmp_path: Path, file: str) -> None:
    """A torn page of a disk: a restart would meet it again, for ever."""
    first = RocksRows(tmp_path / "rows-0", "topic-1")
    first.apply({b"a": b"1"}, 3)
    first.close()
    for path in (tmp_path / "rows-0").glob(file):
        path.write_bytes(b"garbage" * 10)
    second = RocksRows(tmp_path / "rows-0", "topic-1")
    assert (second.get_many([b"a"]), second.position()) == ([None], None)
    second.apply({b"a": b"2"}, 5)
    assert (second.get_many([b"a"]), second.position()) == ([b"2"], 5)


@pytest.mark.parametrize("file", ["MANIFEST-*", "CURRENT", "*.sst", "OPTIONS-*", "*.log"])
def test_rows_that_lack_a_file_begin_anew_or_lack_nothing(tmp_path: Path, file: str) -> None:
    first = RocksRows(tmp_path / "rows-0", "topic-1")
    first.apply({b"a": b"1"}, 3)
    first._db.flush()
    first.apply({b"b": b"2"}, 5)
    first.close()
    for path in list((tmp_path / "rows-0").glob(file)):
        path.unlink()
    second = RocksRows(tmp_path / "rows-0", "topic-1")
    found = second.get_many([b"a", b"b"]), second.position()
    assert found in [([None, None], None), ([b"1", None], 3), ([b"1", b"2"], 5)]
    second.apply({b"a": b"3"}, 7)
    assert (second.get_many([b"a"]), second.position()) == ([b"3"], 7)


def test_damage_where_a_store_says_whose_it_is_begins_anew_too(tmp_path: Path) -> None:
    """The first block of a file has the changelog's name and the position: it is read first."""
    first = RocksRows(tmp_path / "rows-0", "topic-1")
    first.apply({b"%d" % n: os.urandom(300) for n in range(500)}, 3)
    first._db.flush()
    first.close()
    (table,) = (tmp_path / "rows-0").glob("*.sst")
    table.write_bytes(os.urandom(2_000) + table.read_bytes()[2_000:])
    second = RocksRows(tmp_path / "rows-0", "topic-1")
    assert (second.get_many([b"1"]), second.position()) == ([None], None)


def test_damage_where_a_store_says_how_far_it_is_leaves_nothing_either(tmp_path: Path) -> None:
    first = RocksRows(tmp_path / "rows-0", "topic-1")
    first.apply({b"%d" % n: os.urandom(300) for n in range(500)}, 3)
    first._db.flush()
    first._db.compact_range(None, None)  # the name of the changelog lies lower from now on
    first.apply({b"%d" % n: os.urandom(300) for n in range(500)}, 9)
    first._db.flush()
    first.close()
    table = max((tmp_path / "rows-0").glob("*.sst"))
    table.write_bytes(os.urandom(2_000) + table.read_bytes()[2_000:])
    second = RocksRows(tmp_path / "rows-0", "topic-1")
    with pytest.raises(RowsDamagedError, match="the next start reads them from the changelog"):
        second.position()
    third = RocksRows(tmp_path / "rows-0", "topic-1")
    assert (third.get_many([b"1"]), third.position()) == ([None], None)


def test_damage_that_is_met_later_leaves_nothing_for_the_next_start(tmp_path: Path) -> None:
    first = RocksRows(tmp_path / "rows-0", "topic-1")
    keys = [b"%d" % n for n in range(500)]
    first.apply({key: os.urandom(300) for key in keys}, 3)
    first._db.flush()
    first.close()
    for path in (tmp_path / "rows-0").glob("*.sst"):
        whole = bytearray(path.read_bytes())
        whole[10_000:20_000] = os.urandom(10_000)
        path.write_bytes(whole)
    second = RocksRows(tmp_path / "rows-0", "topic-1")
    assert second.position() == 3
    with pytest.raises(RowsDamagedError, match="the next start reads them from the changelog"):
        second.get_many(keys)
    third = RocksRows(tmp_path / "rows-0", "topic-1")
    assert (third.get_many(keys[:1]), third.position()) == ([None], None)


def test_a_folder_that_is_none_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "rows-0").write_text("mine")
    with pytest.raises(Exception, match="exists"):
        RocksRows(tmp_path / "rows-0", "topic-1")
    assert (tmp_path / "rows-0").read_text() == "mine"
