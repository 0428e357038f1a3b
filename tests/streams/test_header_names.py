"""No name of a header ends a worker, or hides a record."""

from collections.abc import Sequence
from itertools import chain

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.header_names import AnyNames, Kept
from tests.streams.header_names import batch

NOT_UTF_8 = b"\xffx"


def read(
    raw: bytes,
    how: type = AnyNames,
    begin: int = 0,
    aborted: Sequence[tuple[int, int]] = (),
) -> list[tuple[int, bytes, str]]:
    """What a fetch of committed records comes to: offsets, values and names."""
    found = how(
        TopicPartition("clicks", 0), Kept(raw), aborted, begin, None, None, True, READ_COMMITTED
    )
    got = [(each.offset, each.value, each.headers[0][0]) for each in found]
    assert found.next_fetch_offset == (got[-1][0] + 1 if got else begin)
    return got


def test_aiokafka_refuses_them() -> None:
    """If it does not any more, this file and streams/header_names.py can go."""
    with pytest.raises(UnicodeDecodeError):
        read(batch([NOT_UTF_8]), fetcher.PartitionRecords)


@pytest.mark.parametrize("compression", [0, 1, 3], ids=["plain", "gzip", "lz4"])
@pytest.mark.parametrize("transactional", [False, True])
def test_each_record_comes_once_and_in_its_order(compression: int, transactional: bool) -> None:
    raw = batch([b"a", b"b"], 0, compression, transactional)
    raw += batch([b"c", NOT_UTF_8, b"d", NOT_UTF_8], 2, compression, transactional)
    raw += batch([b"e"], 6, compression, transactional)
    assert read(raw) == [
        (0, b"v0", "a"),
        (1, b"v1", "b"),
        (2, b"v0", "c"),
        (3, b"v1", "\\xffx"),
        (4, b"v2", "d"),
        (5, b"v3", "\\xffx"),
        (6, b"v0", "e"),
    ]


def test_a_fetch_may_begin_behind_them_and_end_within_a_batch() -> None:
    raw = batch([NOT_UTF_8, b"a"]) + batch([b"b"], 2)
    assert read(raw + batch([b"c"], 3)[:-1], begin=1) == [
        (1, b"v1", "a"),
        (2, b"v0", "b"),
    ]


def test_what_was_aborted_stays_unread_behind_them() -> None:
    """A transaction that is aborted later is open around records of others."""
    raw = batch([b"a"], 0, 0, True) + batch([NOT_UTF_8, b"b"], 1) + batch([b"c"], 3, 0, True)
    found = read(raw + batch([b"d"], 4), aborted=[(7, 0)])
    assert [offset for offset, *_ in found] == [1, 2, 4]


@given(st.lists(st.lists(st.binary(max_size=5), min_size=1, max_size=5), max_size=4))
def test_names_that_are_utf_8_are_as_they_were(names: list[list[bytes]]) -> None:
    raw, first = b"", 0
    for some in names:
        raw += batch(some, first)
        first += len(some)
    found = read(raw)
    assert [each for each, *_ in found] == list(range(first))
    for (_, _, name), given_name in zip(found, chain(*names), strict=True):
        assert name == given_name.decode(errors="backslashreplace")
