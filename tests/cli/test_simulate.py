"""`rillstream simulate`: what it refuses before anything is started, and its summary."""

import json
from pathlib import Path

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run
from streams.records import encode
from streams.settings import Settings
from tests.streams.conftest import embedded  # noqa: F401 - a fixture
from tests.streams.simulation.test_run import answering
from tests.streams.simulation.test_users import ITEMS


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--out", "x"], Exit.USAGE, "--out belongs to --closed-loop"),
        (["--closed-loop", "--items", "x"], Exit.USAGE, "sample shop"),
        (["--closed-loop", "--max", "3"], Exit.USAGE, "--duration"),
        (["--closed-loop", "--out", "full"], Exit.BAD_INPUT, "not empty"),
        (["--items", "none.jsonl"], Exit.BAD_INPUT, "none.jsonl"),
    ],
)
def test_what_cannot_be_run_is_said_at_once(
    words: list[str],
    code: Exit,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "report.md").write_text("mine")
    assert run(["simulate", *words]) == code
    assert says in capsys.readouterr().err


def test_the_summary_is_one_object_marked_as_simulated(
    embedded: Settings,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = tmp_path / "items.jsonl"
    items.write_bytes(b"".join(encode(item) + b"\n" for item in ITEMS))
    words = ["--broker", embedded.bootstrap_servers, "--items", str(items), "--json"]
    with answering(embedded):
        code = run(["simulate", *words, "--max", "12", "--rate", "100", "--users", "20"])
    assert code == Exit.OK
    summary = json.loads(capsys.readouterr().out)
    assert summary["simulated"] is True
    assert summary["visits"] == summary["answered"] + summary["late"] == 12
    assert summary["impressions"] == summary["answered"]
    assert summary["unknown_items"] == 0
