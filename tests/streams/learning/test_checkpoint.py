"""The learner's checkpoint: read back as it was written, refused in plain words when it is not."""

from collections.abc import Mapping, Sequence

import pytest

from streams.errors import RowFormatError
from streams.learning.checkpoint import PARTITION, read, rows_of

STATE = bytes(range(256)) * 40_000


class KeptRows:
    """What a worker's rows are to the learner: a dictionary of one partition."""

    def __init__(self, rows: Mapping[bytes, bytes]) -> None:
        self._rows = rows

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        assert partition == PARTITION
        return [self._rows.get(key) for key in keys]


def test_nothing_is_there_at_first() -> None:
    assert read(KeptRows({})) is None


def test_it_is_read_as_it_was_written() -> None:
    rows = rows_of(7, 5, "encoder", STATE)
    assert len(rows) > 2, "in several parts"
    found = read(KeptRows(rows))
    assert found is not None
    facts = found[0]
    assert (facts.learned_to_ms, facts.shown_to_ms, facts.encoder_version) == (7, 5, "encoder")
    assert found[1] == STATE


@pytest.mark.parametrize("damaged", [b"{", b"[]", b'{"encoder_version": "\xff"}'])
def test_a_damaged_one_is_told_as_such(damaged: bytes) -> None:
    rows = rows_of(7, 5, "encoder", STATE)
    with pytest.raises(RowFormatError, match="cannot be read"):
        read(KeptRows({**rows, min(rows): damaged}))


def test_one_that_lacks_a_part_is_refused() -> None:
    rows = rows_of(7, 5, "encoder", STATE)
    with pytest.raises(RowFormatError, match="parts"):
        read(KeptRows({key: row for key, row in rows.items() if key != max(rows)}))
