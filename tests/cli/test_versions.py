"""What is done with versions: listed, compared, verified, rolled back, announced, stored."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import typer

from index import IndexStore, Item, build_index
from streams.cli.exits import Exit
from streams.cli.index import app
from streams.cli.main import run
from streams.index_versions import decode
from streams.settings import Settings
from streams.topics import create_topics
from tests.index.vectors import shop, unit_rows
from tests.streams.conftest import embedded
from tests.streams.reading import messages

__all__ = ["embedded"]


group = typer.main.get_group(app)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RILLSTREAM_INDEX_DIR", str(tmp_path / "indexes"))
    return tmp_path / "indexes"


def build(folder: Path, items: list[Item]) -> str:
    rows = unit_rows(len(items))
    return build_index(IndexStore(folder), items, rows, encoder_version="mini-1").version


def printed(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.OK) -> str:
    capsys.readouterr()
    assert run(["index", *words]) == code
    out, err = capsys.readouterr()
    return out if code == Exit.OK else err


def test_rollback_goes_to_the_version_before(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = (build(folder, shop(n)) for n in (3, 4, 5))
    assert json.loads(printed(capsys, "rollback", "--json"))["version"] == second
    assert json.loads(printed(capsys, "rollback", "--json"))["version"] == first
    assert IndexStore(folder).current() == first
    assert "older" in printed(capsys, "rollback", code=Exit.FATAL)
    printed(capsys, "rollback", third)
    assert IndexStore(folder).current() == third


def test_rollback_to_a_broken_version_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = build(folder, shop(3)), build(folder, shop(4))
    path = folder / first / "hashes.npy"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "hashes.npy" in printed(capsys, "rollback", code=Exit.FATAL)
    assert IndexStore(folder).current() == second


def test_a_broken_pointer_is_mended_by_the_commands_that_its_error_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = build(folder, shop(3)), build(folder, shop(4))
    (folder / "CURRENT").write_bytes(b"")
    assert "rillstream index list" in printed(capsys, "search", "teapot", code=Exit.FATAL)
    assert run(["index", "list", "--json"]) == Exit.OK
    out, complaint = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert [each["version"] for each in found] == [second, first]
    assert not any(each["current"] for each in found)
    assert "the pointer file holds" in complaint
    printed(capsys, "rollback", first)
    assert IndexStore(folder).current() == first


def test_rollback_is_announced_when_asked(
    embedded: Settings, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_topics(embedded)
    first, _ = build(folder, shop(3)), build(folder, shop(4))
    printed(capsys, "rollback", "--announce", "--broker", embedded.bootstrap_servers)
    (said,) = messages(embedded, "index-versions")
    assert decode(said.value()).version == first


def test_diff_counts_and_names_what_differs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = build(folder, shop(30))
    changed = [Item(item_id="item-7", title="Another"), *shop(30)[8:], Item(item_id="x", title="y")]
    second = build(folder, changed)
    text = printed(capsys, "diff", first, "--max", "2")
    assert f"{first} -> {second}: 1 added, 7 removed, 1 changed, 22 the same" in text
    assert "added    x" in text
    assert "changed  item-7" in text
    assert text.count("removed ") == 2
    found = json.loads(printed(capsys, "diff", first, second, "--json"))
    assert found["removed"] == [f"item-{n}" for n in range(7)]
    assert (found["added"], found["changed"], found["same"]) == (["x"], ["item-7"], 22)


def test_diff_names_each_item_on_a_line_of_its_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id is somebody else's text: it may hold what moves the cursor."""
    first = build(folder, shop(1))
    build(folder, [*shop(1), Item(item_id="a\nremoved  item-0\x1b[2J", title="y")])
    text = printed(capsys, "diff", first)
    assert text.splitlines()[1:] == [r"added    a\nremoved  item-0\x1b[2J"]


def test_verify_says_what_is_wrong_with_the_current_version_whatever_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = build(folder, shop(3))
    manifest = folder / version / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_bytes(b"{}")

    def problems(*words: str) -> str:
        capsys.readouterr()
        assert run(["index", "verify", *words, "--json"]) == Exit.FATAL
        return str(json.loads(capsys.readouterr().out)["problems"])

    assert "its manifest is unreadable" in problems()
    assert problems() == problems(version)
    (folder / "CURRENT").write_bytes(b"")
    assert "the pointer file holds" in problems()


def test_a_version_that_was_named_and_is_not_there_is_a_wrong_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They said, with exit code 5, that index and model do not fit together."""
    first = build(folder, shop(3))
    for words in (["diff", first, "nope"], ["diff", "nope"], ["verify", "nope"]):
        assert first in printed(capsys, *words, code=Exit.BAD_INPUT)
    assert first in printed(capsys, "rollback", "nope", code=Exit.BAD_INPUT)
    assert IndexStore(folder).current() == first


def test_a_current_version_that_is_not_there_is_no_wrong_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has named it; `explain` said that "None is no number and no file"."""
    version = build(folder, shop(3))
    (folder / version).rename(folder / "elsewhere")
    for command in ("verify", "explain"):
        said = printed(capsys, command, code=Exit.FATAL)
        assert "it is current all the same" in said
        assert "None" not in said


def test_the_list_says_what_cannot_be_read_and_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = build(folder, shop(3)), build(folder, shop(4))
    for version, raw in ((first, b"{}"), (second, b'{"format": 7}')):
        manifest = folder / version / "manifest.json"
        manifest.chmod(0o644)
        manifest.write_bytes(raw)
    assert run(["index", "list", "--json"]) == Exit.OK
    out, complaint = capsys.readouterr()
    assert out == ""
    assert f"{first}, cannot be served: its manifest is unreadable" in complaint
    assert f"{second}, which is current, cannot be served: " in complaint
    assert "its format is 7" in complaint


@pytest.mark.parametrize(("raw", "stays"), [(b"{}", False), (b'{"format": 7}', True)])
def test_an_encoder_stays_while_a_version_may_need_it_that_only_a_newer_program_reads(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: bytes, stays: bool
) -> None:
    old = build(folder, shop(3))
    manifest = folder / old / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_bytes(raw)
    encoder = folder / ".encoders" / "theirs"
    encoder.mkdir(parents=True)
    os.utime(encoder, (0, 0))
    items = tmp_path / "items.jsonl"
    items.write_text('{"item_id": "pot", "title": "Red enamel teapot"}\n')
    printed(capsys, "build", str(items), "--keep", "2")
    assert encoder.exists() == stays


def test_a_build_goes_to_an_object_store_and_is_served_from_there(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items, url = tmp_path / "items.jsonl", f"file://{tmp_path}/objects"
    items.write_text('{"item_id": "pot", "title": "Red enamel teapot"}\n')
    built = json.loads(printed(capsys, "build", str(items), "--index-url", url, "--json"))
    monkeypatch.setenv("RILLSTREAM_INDEX_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("RILLSTREAM_INDEX_URL", url)
    assert json.loads(printed(capsys, "list", "--json"))["version"] == built["version"]
    assert "sound" in printed(capsys, "verify")
    assert json.loads(printed(capsys, "search", "teapot", "--json"))["item_id"] == "pot"
    assert (tmp_path / "elsewhere" / built["version"] / "manifest.json").is_file()


def test_every_command_of_versions_takes_an_object_store() -> None:
    """One that does not serves whatever the folder holds, and says nothing."""
    for name, command in group.commands.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--index-dir", "--index-url"} <= options, name


def test_a_build_takes_a_folder_and_an_object_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items, url = tmp_path / "items.jsonl", f"file://{tmp_path}/objects"
    items.write_text('{"item_id": "pot", "title": "Red enamel teapot"}\n')
    where = ["--index-dir", str(tmp_path / "here"), "--index-url", url]
    built = json.loads(printed(capsys, "build", str(items), *where, "--json"))
    assert (tmp_path / "here" / built["version"]).is_dir()
    assert (tmp_path / "objects" / built["version"]).is_dir()
    assert "sound" in printed(capsys, "verify", *where)
    printed(capsys, "build", str(items), "--out", str(tmp_path / "there"), "--json")
    assert (tmp_path / "there").is_dir()
    assert "an object store is" in printed(
        capsys, "build", str(items), "--out", url, code=Exit.FATAL
    )


def test_only_the_newest_are_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text('{"item_id": "pot", "title": "Red enamel teapot"}\n')
    made = [
        json.loads(printed(capsys, "build", str(items), "--keep", "2", "--json"))["version"]
        for _ in range(3)
    ]
    assert [m.version for m in IndexStore(folder).versions()] == [made[2], made[1]]


def test_a_build_below_its_recall_target_is_not_published(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1.0 is more than a graph of 2,000 random vectors finds."""
    from index.build import build_staged
    from index.errors import RecallError
    from index.hnsw import HnswParameters
    from index.staging import Staging
    from streams.cli.exits import explain

    old = build(folder, shop(3))
    staging_folder = tmp_path / "staging"
    staging_folder.mkdir()
    with Staging(staging_folder, 64) as staging:
        staging.add(shop(2_000), unit_rows(2_000, dim=64))
        with pytest.raises(RecallError, match="the target is 1: nothing was published") as caught:
            build_staged(
                IndexStore(folder),
                staging.finish(),
                encoder_version="m",
                engine="hnsw",
                parameters=HnswParameters(m=4, ef_construction=8, ef_search=8),
                min_recall=1.0,
            )
    assert explain(caught.value)[0] == Exit.BELOW_TARGET
    assert [m.version for m in IndexStore(folder).versions()] == [old]
