"""The tests' shop itself: a wait that fails says what the workers said."""

from pathlib import Path

import pytest

from tests.integration.shop import Reader, make_settings


def test_a_failed_wait_shows_the_end_of_each_workers_log(tmp_path: Path) -> None:
    reader = Reader(make_settings("127.0.0.1:1", tmp_path))
    (tmp_path / "w0.log").write_text("long ago\n" + "." * 5_000 + "\nworker ready\n")
    (tmp_path / "w1.log").write_text("no broker\n")
    with pytest.raises(AssertionError) as failed:
        reader.wait_for(1, 0.1)
    told = str(failed.value)
    assert told.startswith("0 of 1 lists after 0.1 s")
    assert told.endswith("worker ready\n--- w1.log\nno broker")
    assert "long ago" not in told
