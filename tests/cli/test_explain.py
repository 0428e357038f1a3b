"""`rillstream index explain` for a number, a file and a version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index import IndexStore, build_index
from index.mirrored import MirroredStore
from streams.cli.exits import Exit
from streams.cli.explain import number
from streams.cli.main import run
from tests.index.vectors import shop, unit_rows


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert run(["index", "explain", *words, "--json"]) == Exit.OK
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [("48,194", 48_194), ("1M", 10**6), ("2.5GB", 25 * 10**8), ("500 mb", 5 * 10**8), ("x", None)],
)
def test_numbers_may_have_units(text: str, expected: int | None) -> None:
    assert number(text) == expected


def test_a_number_of_items_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    found = explained(capsys, "1M", "--memory", "4GB", "--recall", "0.98")
    assert (found["engine"], found["count"], found["version"]) == ("ivfpq", 10**6, None)
    assert found["parameters"]["probes"] == 128  # type: ignore[index]
    assert found["reasons"]


def test_it_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "explain", "100k"]) == Exit.OK
    out = capsys.readouterr().out
    assert "100,000 items of 384 values: hnsw" in out
    assert "ef_search=100" in out
    assert "154 MB of vectors" in out
    assert "why" in out


def test_a_file_of_items_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f'{{"item_id": "{i}", "title": "t"}}\n' for i in range(7)))
    assert explained(capsys, str(path))["count"] == 7


def test_a_version_of_an_object_store_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"file://{tmp_path}/objects"
    store = MirroredStore(tmp_path / "builder", url)
    manifest = build_index(store, shop(50), unit_rows(50), encoder_version="m")
    where = ["--index-dir", str(tmp_path / "here"), "--index-url", url]
    for words in ([], [manifest.version]):
        assert explained(capsys, *words, *where)["version"] == manifest.version


def test_a_version_is_explained_beside_what_serves_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--index-dir", str(tmp_path)]
    manifest = build_index(IndexStore(tmp_path), shop(50), unit_rows(50), encoder_version="m")
    for words in ([], [manifest.version]):
        found = explained(capsys, *words, *where)
        assert (found["version"], found["count"], found["dim"]) == (manifest.version, 50, 16)
    assert run(["index", "explain", *where]) == Exit.OK
    assert f"{manifest.version} is served by exact" in capsys.readouterr().out


def test_what_is_no_number_file_or_version_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--index-dir", str(tmp_path)]
    assert run(["index", "explain", "nonsense", *where]) != Exit.OK
    assert "nonsense" in capsys.readouterr().err
    assert run(["index", "explain", "10", "--memory", "much"]) == Exit.USAGE
    assert run(["index", "explain", "10", "--engine", "annoy"]) != Exit.OK


def test_what_is_nowhere_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "explain", "gone.jsonl", "--index-dir", str(tmp_path)]) == Exit.BAD_INPUT
    assert "gone.jsonl is no number and no file; no index version" in capsys.readouterr().err
