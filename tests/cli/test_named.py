"""What a command line names and is not there: exit code 4 and its name, in every command."""

from pathlib import Path
from typing import get_type_hints

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run
from tests.cli.test_options import one_value
from tests.commands import command, leaves

NOBODY = ("--broker", "127.0.0.1:1")
SPAN = ("--since", "2026-01-01", "--until", "2026-01-02")
GONE = "gone.file"
COMMANDS: list[tuple[str, ...]] = [
    ("train", GONE),
    ("pretrain", GONE),
    ("retune", GONE, *NOBODY),
    ("evaluate", GONE),
    ("evaluate", "default", "--task", "sentiment", "--input", GONE),
    ("predict", GONE, "intent", "--input", "there.jsonl"),
    ("predict", "default", "sentiment", "--input", GONE),
    ("models", "list", GONE),
    ("models", "diff", "default", GONE),
    ("models", "card", GONE),
    ("models", "merge", "default", GONE, "--out", "new"),
    ("models", "fuse", "default", GONE, "--out", "new"),
    ("models", "fuse", "default", "--task", "sentiment", "--input", GONE, "--out", "new"),
    ("tasks", "affinity", GONE),
    ("tasks", "choose", GONE, "--for", "sentiment"),
    ("tasks", "label-intents", GONE, "--items", "there.jsonl", "--out", "new"),
    ("tasks", "label-intents", "there.jsonl", "--items", GONE, "--out", "new"),
    ("tasks", "invent-queries", "--items", GONE, "--out", "new"),
    ("policy", "tune", GONE, *SPAN, "--out", "new"),
    ("policy", "replay", GONE, *SPAN),
    ("policy", "replay", "there.jsonl", *SPAN, "--policy", GONE),
    ("policy", "learn", GONE),
    ("policy", "learn", "there.jsonl", "--ranker", GONE),
    ("policy", "evaluate", GONE, "--decisions", "there.jsonl"),
    ("policy", "evaluate", "there.jsonl", "--decisions", GONE),
    ("policy", "evaluate", "there.jsonl", "--decisions", "there.jsonl", "--target", GONE),
    ("policy", "evaluate", "there.jsonl", "--probabilities", GONE),
    ("policy", "sharpen", GONE, "--decisions", "there.jsonl"),
    ("policy", "believe", GONE, "--decisions", "there.jsonl"),
    ("policy", "promote", GONE, "--log", "there.jsonl", "--decisions", "there.jsonl"),
    ("policy", "promote", "there.jsonl", "--log", GONE, "--decisions", "there.jsonl"),
    ("policy", "positions", GONE),
    ("policy", "exposure", "--lists", GONE),
    ("experiment", "check", GONE),
    ("experiment", "report", GONE),
    ("rules", "check", GONE),
    ("publish", GONE, *NOBODY),
    ("simulate", "--items", GONE, *NOBODY),
    ("learn", "--ranker", GONE, *NOBODY),
    ("index", "build", GONE),
    ("index", "build", "there.jsonl", "--events", GONE),
    ("index", "build", "items.jsonl", "--encoder", GONE),
]
NAMES_NO_INPUT = {"broker", "export", "worker"}
"""They take folders that they make."""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_is_not_there_is_said_by_its_name_and_ends_with_four(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It was 5 for a recipe, a model, a policy, and 3 where the broker was asked first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RILLSTREAM_PUBLISH_DECISIONS", "true")
    Path("there.jsonl").write_text("")
    Path("items.jsonl").write_text('{"item_id": "a", "title": "A mug"}\n')
    assert run(list(words)) == Exit.BAD_INPUT
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert GONE in said.err
    assert not Path("new").exists()


def test_every_command_that_reads_a_file_is_among_them() -> None:
    reading = set()
    for words in leaves():
        types = get_type_hints(command(words).callback, include_extras=True)
        own = {name for name, kind in types.items() if one_value(kind) is Path}
        if own - {"out", "index_dir", "state_dir", "data"}:
            reading.add(words)
    asked = {next(words for words in leaves() if each[: len(words)] == words) for each in COMMANDS}
    assert {" ".join(words) for words in reading - asked} <= NAMES_NO_INPUT
