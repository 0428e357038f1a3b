"""An index and its encoder are one pair for every command: built, searched, rolled back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from index import IndexStore
from scoring.encoder import identify
from streams.cli.main import run
from tests.scoring.conftest import save_bert

ITEMS = [{"item_id": f"i{n}", "title": f"{c} mug {n}"} for n, c in enumerate(["red", "blue"] * 4)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with items and two trained models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RILLSTREAM_LOG_LEVEL", "warning")
    Path("items.jsonl").write_text("\n".join(json.dumps(item) for item in ITEMS))
    save_bert(Path("models/first"), seed=1)
    save_bert(Path("models/second"), dim=32, seed=2)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run([*words]) == code, capsys.readouterr().err
    said = capsys.readouterr()
    return [json.loads(line) for line in said.out.splitlines()] if code == 0 else said.err


def test_the_encoder_travels_with_its_index(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody names it again: not who searches, not the next build, not who goes back."""
    versions = [identify(f"models/{name}")[0] for name in ("first", "second")]
    build = ("index", "build", "items.jsonl", "--json", "--encoder")
    assert call(capsys, *build, "models/first")[0]["encoder_version"] == versions[0]
    assert call(capsys, *build, "models/second")[0]["encoder_version"] == versions[1]
    shutil.rmtree("models")
    assert len(call(capsys, "index", "search", "red mug", "--json", "--max", "3")) == 3
    again = call(capsys, "index", "build", "items.jsonl", "--json")[0]
    assert (again["encoder_version"], again["build_parameters"]["encoded"]) == (versions[1], 0)
    first = IndexStore(shop / "indexes").versions()[-1].version
    assert call(capsys, "index", "rollback", first, "--json")[0]["dim"] == 16
    assert len(call(capsys, "index", "search", "red mug", "--json", "--max", "3")) == 3


def test_an_encoder_that_is_nowhere_is_one_clear_error(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "index", "build", "items.jsonl", "--json", "--encoder", "models/first")
    shutil.rmtree("indexes/.encoders")
    version = identify("models/first")[0]
    for words in (("index", "search", "red mug"), ("index", "build", "items.jsonl")):
        said = call(capsys, *words, code=5)
        assert f"encoder {version}, which is not here" in said
        assert "--encoder FOLDER" in said
    found = call(capsys, "index", "search", "mug", "--json", "--encoder", "models/first")
    assert len(found) == len(ITEMS)


def test_a_build_out_of_a_broken_version_keeps_the_encoder_of_the_shop(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its workers would have swapped to the packaged one, and nobody had asked for that."""
    build = ("index", "build", "items.jsonl", "--json")
    for _ in range(2):
        call(capsys, *build, "--encoder", "models/first")
    store, version = IndexStore(shop / "indexes"), identify("models/first")[0]
    manifest = store.root / str(store.current()) / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_bytes(b"{}")
    assert call(capsys, *build)[0]["encoder_version"] == version
    shutil.rmtree(store.root / str(store.current()))
    assert call(capsys, *build)[0]["encoder_version"] == version
    (store.root / "CURRENT").write_bytes(b"")
    assert call(capsys, *build)[0]["encoder_version"] == version


def test_a_build_takes_no_other_encoder_because_the_object_store_failed(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = ("--index-url", (shop / "objects").as_uri())
    build = ("index", "build", "items.jsonl", "--json", *url)
    version = call(capsys, *build, "--encoder", "models/first")[0]["version"]
    shutil.rmtree("indexes")  # as on a machine that has not fetched it yet
    (shop / "objects" / version / "vectors.npy").unlink()
    for words in (build, ("index", "rebuild", *url)):
        assert "vectors.npy is missing" in call(capsys, *words, code=3)


def test_a_changed_weight_is_refused_before_it_is_loaded(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "index", "build", "items.jsonl", "--json", "--encoder", "models/first")
    (weights,) = Path("indexes/.encoders").glob("*/model.safetensors")
    weights.chmod(0o644)
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    said = call(capsys, "index", "search", "red mug", code=5)
    assert "model.safetensors has another SHA-256" in said
    call(capsys, "index", "build", "items.jsonl", "--json", "--encoder", "models/first")
    assert call(capsys, "index", "search", "red mug", "--json")
