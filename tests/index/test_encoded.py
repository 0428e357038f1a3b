"""What was encoded is found again, also after a crash, and never under another hash."""

from __future__ import annotations

import errno
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import BusyError
from index.encoded import EncodedLog
from index.hashes import text_hashes
from index.known import Known
from index.workplace import workplace
from tests.index.vectors import unit_rows

HASHES = text_hashes("m", [f"text {n}" for n in range(100)])
ROWS = unit_rows(100, dim=4)


def write(path: Path, n: int) -> None:
    with EncodedLog(path, 4) as log:
        log.append(HASHES[: n // 2], ROWS[: n // 2])
        log.append(HASHES[n // 2 : n], ROWS[n // 2 : n])


def found(path: Path) -> list[int]:
    """Numbers of the texts that are known, after each was compared with its vector."""
    with EncodedLog(path, 4) as log:
        rows = log.known.find(HASHES)
        known = np.flatnonzero(rows >= 0)
        np.testing.assert_array_equal(log.known.vectors(rows[known]), ROWS[known])
        return [int(n) for n in known]


def test_what_was_appended_is_found_when_it_is_opened_again(tmp_path: Path) -> None:
    write(tmp_path / "log", 60)
    assert found(tmp_path / "log") == list(range(60))
    with EncodedLog(tmp_path / "log", 4) as log:
        log.append(HASHES[60:], ROWS[60:])
    assert found(tmp_path / "log") == list(range(100))


def test_an_empty_log_knows_nothing(tmp_path: Path) -> None:
    assert found(tmp_path / "log") == []


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, 60 * 36))
def test_a_torn_end_is_cut_off_and_written_anew(tmp_path: Path, length: int) -> None:
    path = tmp_path / f"log-{length}"
    write(path, 60)
    os.truncate(path, length)
    whole = length // 36
    assert found(path) == list(range(whole))
    with EncodedLog(path, 4) as log:
        log.append(HASHES[whole:70], ROWS[whole:70])
    assert found(path) == list(range(70))
    path.unlink()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 60 * 36 - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_never_becomes_a_vector(tmp_path: Path, place: int, bit: int) -> None:
    path = tmp_path / "flipped"
    path.unlink(missing_ok=True)
    write(path, 60)
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1 << bit
    path.write_bytes(raw)
    assert found(path) == [n for n in range(60) if n != place // 36]


def test_what_is_damaged_is_counted_and_written_anew(tmp_path: Path) -> None:
    """One flipped bit, and all that a killed build had encoded after it was cut off."""
    path = tmp_path / "log"
    write(path, 60)
    raw = bytearray(path.read_bytes())
    for n in (3, 4, 59):
        raw[n * 36 + 20] ^= 1
    path.write_bytes(raw)
    with EncodedLog(path, 4) as log:
        assert log.n_damaged == 2  # the last is a torn end
        assert len(log.known) == 57
        log.append(HASHES[[3, 4, 59]], ROWS[[3, 4, 59]])
    assert found(path) == list(range(60))


def test_empty_blocks_at_the_end_are_no_records(tmp_path: Path) -> None:
    """As some file systems leave after a power failure."""
    write(tmp_path / "log", 10)
    with (tmp_path / "log").open("ab") as file:
        file.write(bytes(36 * 5))
    assert found(tmp_path / "log") == list(range(10))


def test_a_hash_that_agrees_in_half_is_not_the_same() -> None:
    known = Known(HASHES[:50], ROWS[:50])
    half = HASHES[:5].copy()
    half[:, 1] ^= np.uint64(1)
    assert known.find(half).tolist() == [-1] * 5
    assert known.find(HASHES[45:55]).tolist() == [45, 46, 47, 48, 49, -1, -1, -1, -1, -1]


def test_what_has_no_hash_is_never_found() -> None:
    unknown = np.zeros((3, 3), np.uint64)
    assert Known(unknown, ROWS[:3]).find(np.zeros((2, 2), np.uint64)).tolist() == [-1, -1]


def hold(root: Path, connection: object) -> None:
    with workplace(root) as place:
        (place.staging / "half").write_bytes(b"x")
        connection.send(os.getpid())  # type: ignore[attr-defined]
        connection.recv()  # type: ignore[attr-defined]


def test_one_build_at_a_time_and_a_killed_one_leaves_the_door_open(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=hold, args=(tmp_path, theirs), daemon=True)
    other.start()
    assert ours.poll(30)
    pid = ours.recv()
    with pytest.raises(BusyError, match=f"process {pid}"), workplace(tmp_path):
        pass
    other.kill()
    other.join()
    with workplace(tmp_path) as place:
        assert list(place.staging.iterdir()) == []
    assert not (tmp_path / ".building" / "staging").exists()


def test_a_full_disk_says_where_and_keeps_what_was_encoded(tmp_path: Path) -> None:

    def build() -> None:
        with workplace(tmp_path) as place, Path("/dev/full").open("wb", buffering=0) as file:
            write(place.encoded("m"), 60)
            file.write(b"x")

    with pytest.raises(OSError, match="No space left") as caught:
        build()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
    assert not (tmp_path / ".building" / "staging").exists()
    with workplace(tmp_path) as place:
        assert found(place.encoded("m")) == list(range(60))


def test_a_limit_of_the_system_on_files_says_where_too(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too large") as caught, workplace(tmp_path):
        raise OSError(errno.EFBIG, "File too large")
    assert caught.value.filename == str(tmp_path)


def test_other_errors_of_a_build_are_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError) as caught, workplace(tmp_path):
        raise ConnectionResetError(errno.ECONNRESET, "reset")
    assert caught.value.filename is None
