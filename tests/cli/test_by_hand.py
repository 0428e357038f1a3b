"""An engine and its parameters by hand, checked before anything is encoded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index import HnswParameters, IvfPqParameters
from streams.cli.by_hand import parameters_by_hand
from streams.cli.exits import Exit
from streams.cli.main import run


def test_parameters_are_those_of_the_engine() -> None:
    assert parameters_by_hand("auto", []) is None
    assert parameters_by_hand("hnsw", []) is None
    assert parameters_by_hand("hnsw", ["m=8", "storage=fp16"]) == HnswParameters(
        m=8, storage="fp16"
    )
    assert parameters_by_hand("ivfpq", ["probes=9"]) == IvfPqParameters(probes=9)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--param", "m=8"], "name it with --engine"),
        (["--engine", "hnsw", "--param", "m"], "name=value"),
        (["--engine", "hnsw", "--param", "m=8", "--param", "m=9"], "each name once"),
        (["--engine", "hnsw", "--param", "m=1"], "m is 1"),
        (["--engine", "hnsw", "--param", "probes=1"], "has no parameter probes"),
        (["--engine", "annoy"], "unknown engine 'annoy'"),
    ],
)
def test_what_cannot_be_used_ends_the_build_before_it_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    where = ["--index-dir", str(tmp_path / "indexes")]
    assert run(["index", "build", str(tmp_path / "none.jsonl"), *words, *where]) != Exit.OK
    assert reason in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "indexes").exists()


def test_a_version_is_built_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f'{{"item_id": "{i}", "title": "cup {i}"}}\n' for i in range(30)))
    words = [
        "--engine",
        "ivfpq",
        "--param",
        "lists=3",
        "--json",
        "--index-dir",
        str(tmp_path / "out"),
    ]
    assert run(["index", "build", str(path), *words]) == Exit.OK
    built = json.loads(capsys.readouterr().out)
    assert (built["engine"], built["parameters"]["lists"]) == ("ivfpq", 3)
