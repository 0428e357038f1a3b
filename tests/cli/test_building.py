"""Item files -> an index version that can be listed, verified and searched."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from index import BusyError, IndexStore, Item
from index.workplace import workplace
from scoring import load_encoder
from streams.cli.building import build_from_files, build_version
from streams.cli.exits import Exit, explain
from streams.cli.main import run
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
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


def test_a_small_catalogue_is_built_at_more_than_no_items_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = str(lines(tmp_path / "items.jsonl", ITEMS[:1]))
    assert run(["index", "build", items, "--index-dir", str(tmp_path / "indexes")]) == Exit.OK
    said = re.findall(r"[\d.,]+ (?:items/s|s)\b", capsys.readouterr().err)
    assert len(said) == 4
    assert all(float(each.split()[0].replace(",", "")) > 0 for each in said)


def test_a_build_from_a_few_items_says_what_the_version_before_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever builds from a file of changes has lost a catalogue, and may not notice."""
    where = ["--index-dir", str(tmp_path / "indexes")]
    for n_items, is_said in ((3, False), (2, False), (3, False), (1, True), (2, False)):
        items = str(lines(tmp_path / "items.jsonl", ITEMS[:n_items]))
        assert run(["index", "build", items, *where]) == Exit.OK
        said = capsys.readouterr().err
        assert ("had 3 items" in said and "index rollback" in said) == is_said


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


def test_bad_rows_end_a_build_before_anything_is_encoded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--index-dir", str(tmp_path / "indexes")]
    items = str(lines(tmp_path / "items.jsonl", [*ITEMS, EVENTS[0], {"item_id": "x"}]))
    assert run(["index", "build", items, *where]) == Exit.BAD_INPUT
    complaint = capsys.readouterr().err
    assert f"{items}:4: a click where items belong" in complaint
    assert f"{items}:5: " in complaint
    assert "2 of 5 rows" in complaint
    assert not (tmp_path / "indexes").exists()


def test_an_empty_file_takes_nothing_away_unless_that_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--index-dir", str(tmp_path / "indexes")]
    items = str(lines(tmp_path / "items.jsonl", ITEMS))
    empty = str(lines(tmp_path / "empty.jsonl", []))
    assert run(["index", "build", items, *where]) == Exit.OK
    before = IndexStore(tmp_path / "indexes").current()
    assert run(["index", "build", empty, *where]) == Exit.BAD_INPUT
    assert "--allow-empty" in capsys.readouterr().err
    assert IndexStore(tmp_path / "indexes").current() == before
    assert run(["index", "build", empty, "--allow-empty", *where]) == Exit.OK
    assert len(IndexStore(tmp_path / "indexes").open()) == 0
    capsys.readouterr()
    assert run(["index", "search", "teapot", "--json", *where]) == Exit.OK
    assert capsys.readouterr().out == ""


def test_a_rollback_while_a_build_runs_is_the_later_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(index_dir=tmp_path / "indexes")
    where = ["--index-dir", str(settings.index_dir)]
    first, second = (
        build_from_files(settings, [lines(tmp_path / f"{n}.jsonl", ITEMS[:n])]).version
        for n in (1, 2)
    )

    def report(stage: str, done: int, total: int) -> None:
        if stage == "writing" and not done:
            assert run(["index", "rollback", *where]) == Exit.OK

    with pytest.raises(BusyError, match=f"{first} was made current while") as caught:
        build_version(settings, [Item(item_id="x", title="y")], 1, report=report)
    assert explain(caught.value)[0] == Exit.BUSY
    store = IndexStore(settings.index_dir)
    assert store.current() == first
    third, *others = [manifest.version for manifest in store.versions()]
    assert others == [second, first]
    capsys.readouterr()
    assert run(["index", "rollback", third, *where]) == Exit.OK
    assert store.current() == third


def test_a_second_build_in_a_folder_is_turned_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = str(lines(tmp_path / "items.jsonl", ITEMS))
    with workplace(tmp_path / "indexes"):
        assert run(["index", "build", items, "--index-dir", str(tmp_path / "indexes")]) == Exit.BUSY
    assert f"process {os.getpid()}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_was(tmp_path: Path) -> None:
    """Kill -9, twice; with the real encoder. Each vector that reached the log is kept."""
    rows: list[dict[str, object]] = [
        {"item_id": f"i{n}", "title": f"Teapot number {n}"} for n in range(2_000)
    ]
    items, out = lines(tmp_path / "items.jsonl", rows), tmp_path / "indexes"
    command = [sys.executable, "-m", "streams.cli.main", "index", "build", str(items)]
    kept = 0
    for n_steps in (2, 4):  # of 256 texts
        process = subprocess.Popen(
            [*command, "--index-dir", str(out)], cwd=ROOT, stderr=subprocess.PIPE
        )
        record = 4 + 16 + 4 * 384
        while process.poll() is None:
            logs = list((out / ".building").glob("encoded-*"))
            if logs and logs[0].stat().st_size >= n_steps * 256 * record:
                process.kill()
            time.sleep(0.01)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
        kept = logs[0].stat().st_size // record
    assert IndexStore(out).current() is None
    done = subprocess.run(
        [*command, "--index-dir", str(out), "--json"], cwd=ROOT, capture_output=True, check=True
    )
    built = json.loads(done.stdout)["build_parameters"]
    assert (built["reused"], built["encoded"]) == (kept, 2_000 - kept)
    assert not list((out / ".building").glob("*/*"))
    snapshot = IndexStore(out).open()
    encoder = load_encoder(None, threads=1)
    some = [3, 700, 1_999]
    fresh = encoder.encode_items([str(rows[n]["title"]) for n in some])
    stored = snapshot.vectors[snapshot.catalogue.positions([f"i{n}" for n in some])]
    np.testing.assert_allclose(stored, fresh, atol=1e-2)
