"""Row stores: both keep one contract; RocksDB's survives a restart, notices a new changelog."""

from collections.abc import Callable
from pathlib import Path

import pytest

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
