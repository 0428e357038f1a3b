"""index.faiss is whole, or there is an error."""

from __future__ import annotations

import errno
from pathlib import Path

import faiss
import numpy as np
import pytest

from index.faiss_file import read_faiss, write_faiss
from tests.index.vectors import unit_rows


def graph(n: int) -> faiss.IndexHNSWFlat:
    found = faiss.IndexHNSWFlat(8, 4, faiss.METRIC_INNER_PRODUCT)
    found.add(unit_rows(n, 8))
    return found


@pytest.mark.parametrize("n", [3, 20_000])
def test_what_does_not_fit_on_the_disk_is_an_error(n: int) -> None:
    """Of a file that lacked its end nobody heard until a worker refused the version."""
    with pytest.raises(OSError, match="No space left") as caught:
        write_faiss(Path("/dev/full"), graph(n))
    assert caught.value.errno == errno.ENOSPC


def test_what_is_written_is_what_faiss_writes(tmp_path: Path, synced: set[int]) -> None:
    ours, theirs, built = tmp_path / "ours", tmp_path / "theirs", graph(20_000)
    write_faiss(ours, built)
    faiss.write_index(built, str(theirs))
    assert ours.read_bytes() == theirs.read_bytes()
    assert ours.stat().st_ino in synced
    with ours.open("rb") as file:
        again = read_faiss(file, ours.stat().st_size, b"IHNf")
    queries = unit_rows(5, 8, seed=1)
    np.testing.assert_array_equal(again.search(queries, 3)[1], built.search(queries, 3)[1])
