"""What commands print for scripts is JSON, also where a figure is none."""

import json
from pathlib import Path
from typing import NoReturn

import pytest

from index.manifest import Manifest
from scoring.training.contracts import Progress
from scoring.training.settings import LoopSettings
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.cli.measured import print_measures
from streams.cli.printing import moment, print_json, print_table
from streams.cli.training_course import Course
from streams.cli.versions import print_manifests
from tests.scoring.behaviour.shop_log import RECIPE, write_log


def strict(text: str) -> list[dict[str, object]]:
    """Lines of JSON as RFC 8259 has it: no NaN, no Infinity."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_what_is_no_number_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(
        {
            "auc": float("nan"),
            "upper": float("inf"),
            "n": 2,
            "within": {"low": float("-inf"), "each": (0.5, float("nan"))},
        }
    )
    assert strict(capsys.readouterr().out) == [
        {"auc": None, "upper": None, "n": 2, "within": {"low": None, "each": [0.5, None]}}
    ]


def test_a_figure_that_is_none_is_told_to_people_as_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measures = {"within_query": float("nan"), "spearman": 0.5}
    print_measures({"relevance": measures}, as_json=False)
    with Course(LoopSettings()) as course:
        course.show(Progress(0, 1, 2, {"relevance": 0.1}, 1.0, 1.0, measures))
    printed = capsys.readouterr()
    assert "nan" not in printed.out + printed.err
    assert printed.out.split()[-6:-3] == ["relevance", "within_query", "none"]
    assert "within_query none spearman 0.5000" in printed.err


def test_a_moment_is_told_in_a_zone() -> None:
    assert moment(1_323_435_000_000) == "2011-12-09 12:50:00 UTC"
    assert moment(2**62) == "4,611,686,018,427,387,904 ms"


def test_a_long_cell_fills_no_other_line_with_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    """A difference of two models had 60 lines of 500 columns in a pipe, since one value is long."""
    print_table(("name", "value"), [("short", 1), ("long", "x" * 300)])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert any("x" * 300 in line for line in lines)  # and nothing is folded in a pipe
    assert [len(line) for line in lines if "─" in line] == [160]


def test_a_cell_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Rich took "[set of 4]" for markup and left it out; by a "[/b]" the command ended."""
    print_table(("a [b]", "title"), [("m[1]", "[set of 4] mugs [/b] :tea: \x1b[31m"), (None, 0)])
    heading, _, first, second = capsys.readouterr().out.strip().splitlines()
    assert heading.split() == ["a", "[b]", "title"]
    assert first.split(maxsplit=1) == ["m[1]", "[set of 4] mugs [/b] :tea: \\x1b[31m"]
    assert second.split() == ["0"]


def test_a_version_is_one_word_on_a_terminal_of_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who goes back copies it: `index list` had it in five pieces, one below the other."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    version, encoder = "20260101T120000.000Z-0123abcd", "bert-384-fa46c9f4a72f"
    manifest = Manifest(
        version=version,
        encoder_version=encoder,
        engine="exact",
        parameters={},
        dim=384,
        count=3_659,
        created_at_ms=1_767_268_800_000,
        files={},
        recall_at_10=1.0,
        recall_at_100=1.0,
        build_s=0.5,
    )
    print_manifests([manifest], version, as_json=False)
    said = capsys.readouterr().out
    assert version in said
    assert encoder not in said  # what is only read makes room


def test_rows_without_a_no_have_no_auc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a row's own columns come back with its answer, empty ones too."""
    rows = write_log(tmp_path, 300)
    config = tmp_path / "heads.toml"
    config.write_text(RECIPE.replace("epochs = 4", "epochs = 1"))
    assert run(["train", str(config), "--out", str(tmp_path / "heads")]) == Exit.OK
    capsys.readouterr()
    clicked = [{**row, "age": float("nan")} for row in rows if row["click"]]
    file = tmp_path / "clicked.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in clicked))
    asked = [str(tmp_path / "heads"), "--input", str(file)]
    assert run(["evaluate", *asked, "--task", "click", "--json"]) == Exit.OK
    (found,) = strict(capsys.readouterr().out)
    assert found["auc"] is None
    assert isinstance(found["log_loss"], float)
    assert run(["predict", asked[0], "click", *asked[1:]]) == Exit.OK
    answers = strict(capsys.readouterr().out)
    said = tmp_path / "heads" / "behaviour.json"
    facts = json.loads(said.read_text())
    facts["metrics"]["click"]["auc"] = float("nan")
    said.write_text(json.dumps(facts))
    assert run(["models", "list", str(tmp_path), "--json"]) == Exit.OK
    assert strict(capsys.readouterr().out)[0]["model"] == asked[0]
    assert run(["models", "diff", asked[0], asked[0], "--json"]) == Exit.OK
    assert capsys.readouterr().out == ""  # a figure that both have not is the same in both
    assert len(answers) == len(clicked)
    assert answers[0]["age"] is None
