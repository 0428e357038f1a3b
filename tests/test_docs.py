"""The documentation tells the truth: every command is in it, every command line in it parses."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run
from tests.commands import leaves, parse, root

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")])


def documented(text: str) -> Iterator[str]:
    """Yield the rillstream command lines of a page's blocks, fenced or indented."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            told = re.match(r" *(?:\$ )?(?:[A-Z_]+=\S+ )*(rillstream .+)", line)
            if told:
                yield told[1].split(" #")[0].strip()


def examples(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the example lines that a command's --help shows."""
    assert run([*words, "--help"]) == Exit.OK
    text = capsys.readouterr().out
    return re.findall(r"^\s*(rillstream .+?)\s*$", text.partition("Example")[2], re.MULTILINE)


@pytest.mark.parametrize("words", list(leaves()), ids=" ".join)
def test_every_command_is_in_the_readme(words: tuple[str, ...]) -> None:
    assert f"| `rillstream {' '.join(words)}` |" in README


def test_the_readme_lists_no_command_that_is_not_there() -> None:
    listed = {tuple(row.split()) for row in re.findall(r"\| `rillstream ([a-z -]+)` \|", README)}
    assert listed == set(leaves())


@pytest.mark.parametrize(
    ("page", "line"),
    [(page.name, line) for page in PAGES for line in documented(page.read_text())],
)
def test_command_lines_in_the_documentation_parse(page: str, line: str) -> None:
    parse(shlex.split(line)[1:])


def test_the_readme_shows_the_way_from_nothing_to_lists() -> None:
    shown = {parts[1] for parts in map(str.split, documented(README))}
    assert {"topics", "index", "worker", "publish", "subscribe"} <= shown


@pytest.mark.parametrize("words", [(), *leaves()], ids=lambda words: " ".join(words) or "root")
def test_help_shows_an_example_that_parses(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = examples(words, capsys)
    assert lines
    for line in lines:
        assert line.split()[1 : 1 + len(words)] == list(words)
        parse(shlex.split(line)[1:])


@pytest.mark.parametrize(
    "words", sorted({words[:-1] for words in leaves()}), ids=lambda words: " ".join(words) or "root"
)
def test_a_list_of_commands_cuts_no_line(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal has 80 columns: a command's first sentence is one line of them."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*words, "--help"]) == Exit.OK
    commands = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0]
    assert commands
    assert not [line for line in commands.splitlines() if line.endswith("...")]


def test_every_option_says_what_it_does() -> None:
    for words in leaves():
        command = root()
        for word in words:
            command = command.commands[word]  # type: ignore[assignment]
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{words}: {parameter.name} has no help"


def test_exit_codes_in_the_readme_are_those_of_the_code() -> None:
    listed = set(map(int, re.findall(r"^\| (\d+)(?:, \d+)? \|", README, re.MULTILINE)))
    listed |= set(map(int, re.findall(r"^\| \d+, (\d+) \|", README, re.MULTILINE)))
    assert listed == set(map(int, Exit))


def test_make_targets_in_the_documentation_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            for target in re.findall(r"^\$ make ([a-z-]+)", block, re.MULTILINE):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: {target}"


def test_files_that_pages_name_exist() -> None:
    named = re.compile(r"`((?:index|scoring|streams|tests|deploy|docs|\.ci)/[\w./-]*)`")
    for page in PAGES:
        for path in named.findall(page.read_text()):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_tests_that_pages_name_exist() -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {file.stem for file in files}
    there |= {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    for page in PAGES:
        for span in re.findall(r"`([^`\n]+)`", page.read_text()):
            assert set(re.findall(r"\btest_\w+", span)) <= there, f"{page.name}: {span}"


def anchors(page: Path) -> set[str]:
    """Return what a link into a page may end with: its headings, as GitHub writes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in headings}


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^):]+)\)", page.read_text()):
            name, _, anchor = target.partition("#")
            there = page.parent / name if name else page
            assert there.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(there), f"{page.name}: {target}"
